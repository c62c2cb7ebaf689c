package jsonobject

import (
	"bytes"
	"encoding/json"
	"strings"
)

// AppendKey writes the name of a member, and the comma before it unless it is the first. name needs no escapes.
func AppendKey(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(append(dst, '"'), name...)
	return append(dst, `":`...)
}

// Escapes says which characters encoding/json escapes beyond those that have to be.
type Escapes bool

const (
	Plain Escapes = false
	HTML  Escapes = true // <, > and & too, as json.Marshal does
)

// AppendEncoded writes s as a JSON string, byte for byte as encoding/json does.
func AppendEncoded(dst []byte, s string, escapes Escapes) []byte {
	if escapes.leave(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(bool(escapes))
	_ = encoder.Encode(s) // every string can be encoded
	return append(dst, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// leave reports whether s is written as it is.
func (e Escapes) leave(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return e == Plain || !strings.ContainsAny(s, "<>&")
}
