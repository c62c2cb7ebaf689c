package main

import (
	"bytes"
	"compress/gzip"

	"github.com/libcni/libcni/api"
)

const compressedPath = "api/description_generated.json.gz"

// description writes the compressed copy of the description that is part of the library.
func description(from *source) ([]byte, error) {
	text, err := from.read("api/cni.api.json")
	if err != nil {
		return nil, err
	}
	return compress(from, compressedPath, []byte(text))
}

// compress returns the compressed text for the file at a path. A file with the same content stays,
// since Go versions compress differently.
func compress(from *source, path string, text []byte) ([]byte, error) {
	if old, err := from.read(path); err == nil {
		if content, err := api.Decompress([]byte(old)); err == nil && bytes.Equal(content, text) {
			return []byte(old), nil
		}
	}
	var file bytes.Buffer
	writer, err := gzip.NewWriterLevel(&file, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(text); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}
