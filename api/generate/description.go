package main

import (
	"bytes"
	"compress/gzip"

	"github.com/libcni/libcni/api"
)

const compressedPath = "api/description_generated.json.gz"

// description writes the compressed copy of the description that is part of the library. A file
// with the same content stays, since Go versions compress differently.
func description(from *source) ([]byte, error) {
	text, err := from.read("api/cni.api.json")
	if err != nil {
		return nil, err
	}
	if old, err := from.read(compressedPath); err == nil {
		if content, err := api.Decompress([]byte(old)); err == nil && string(content) == text {
			return []byte(old), nil
		}
	}
	var file bytes.Buffer
	writer, err := gzip.NewWriterLevel(&file, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}
