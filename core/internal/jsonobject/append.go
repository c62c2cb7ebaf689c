package jsonobject

import (
	"bytes"
	"encoding/json"
	"strings"
)

// AppendKey writes the name of a member, after a comma unless it is the first. name must not need
// escapes.
func AppendKey(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(append(dst, '"'), name...)
	return append(dst, `":`...)
}

// Escapes selects the characters that are escaped beyond those that JSON requires.
type Escapes bool

const (
	Plain Escapes = false
	HTML  Escapes = true // <, > and & too, as json.Marshal does
)

// AppendEncoded writes s as a JSON string, byte for byte as encoding/json does.
func AppendEncoded(dst []byte, s string, escapes Escapes) []byte {
	if escapes.unescaped(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(bool(escapes))
	_ = encoder.Encode(s) // every string can be encoded
	return append(dst, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// unescaped reports whether s is written without escapes.
func (e Escapes) unescaped(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return e == Plain || !strings.ContainsAny(s, "<>&")
}
