// Package api holds the description of libcni's interface, from which every boundary is generated:
// see README.md.
package api

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
)

// compressed is cni.api.json. Compression saves 0.08 MB in libcni.so, whose size has a limit.
//
//go:embed description_generated.json.gz
var compressed []byte

// Description returns cni.api.json, which cni_describe returns.
func Description() []byte {
	text, err := Decompress(compressed)
	if err != nil {
		panic(fmt.Sprintf("description_generated.json.gz: %v", err)) // only a wrong build can cause it
	}
	return text
}

// compressedSchema is schema_generated.json.
//
//go:embed schema_generated.json.gz
var compressedSchema []byte

// Schema returns schema_generated.json, the JSON Schema of a configuration list.
func Schema() []byte {
	text, err := Decompress(compressedSchema)
	if err != nil {
		panic(fmt.Sprintf("schema_generated.json.gz: %v", err)) // only a wrong build can cause it
	}
	return text
}

// Decompress returns the content of a file in gzip format.
func Decompress(file []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}
