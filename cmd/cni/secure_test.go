package main

import (
	"encoding/binary"
	"testing"
)

func TestAuxiliaryVector(t *testing.T) {
	vector := func(words ...uint64) (data []byte) {
		for _, w := range words {
			data = binary.NativeEndian.AppendUint64(data, w)
		}
		return data
	}
	const pageSize = 6
	for _, test := range []struct {
		name string
		auxv []byte
		want bool
	}{
		{"ordinary", vector(pageSize, 4096, auxvSecure, 0, auxvEnd, 0), false},
		{"set-uid", vector(pageSize, 4096, auxvSecure, 1, auxvEnd, 0), true},
		{"the value of another entry is not a key", vector(pageSize, auxvSecure, 99, 1, auxvEnd, 0),
			false},
		{"nothing after the end counts", vector(auxvEnd, 0, auxvSecure, 1), false},
		{"cut short", vector(auxvSecure), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := auxvSays(test.auxv); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
