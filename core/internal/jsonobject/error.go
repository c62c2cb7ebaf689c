package jsonobject

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Error reports what is wrong with a JSON text, and where.
type Error struct {
	Key string // path of the key at fault, such as "plugins[0].type"; "" for the whole text
	Msg string // without the key
}

func (e *Error) Error() string {
	if e.Key == "" {
		return e.Msg
	}
	return e.Key + ": " + e.Msg
}

// Errorf makes an *Error.
func Errorf(key, format string, args ...any) *Error {
	return &Error{Key: key, Msg: fmt.Sprintf(format, args...)}
}

// KeyPath writes a JSON pointer in the form "options.pluginDirs[0]".
func KeyPath(pointer jsontext.Pointer) string {
	var path strings.Builder
	for token := range pointer.Tokens() {
		switch {
		case isIndex(token):
			fmt.Fprintf(&path, "[%s]", token)
			continue
		case path.Len() > 0:
			path.WriteByte('.')
		}
		path.WriteString(token)
	}
	return path.String()
}

func isIndex(token string) bool {
	return token != "" && strings.Trim(token, "0123456789") == ""
}

// Describe names a kind of JSON value for a message.
func Describe(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return kind.String()
	case 'n':
		return "null"
	}
	return "something that is not JSON"
}

// explain turns an error of the decoder into an *Error.
func explain(data []byte, err error) *Error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		return &Error{Key: KeyPath(syntax.JSONPointer), Msg: "duplicate key"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Msg: "not valid JSON: it ends too early"}
	case errors.As(err, &syntax):
		e := &Error{Key: KeyPath(syntax.JSONPointer)}
		e.Msg = fmt.Sprintf("not valid JSON at %s: %s", position(data, syntax.ByteOffset),
			reason(syntax.Err))
		return e
	}
	return &Error{Msg: "not valid JSON: " + err.Error()}
}

func reason(err error) string {
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}

// position is an offset as editors show it: line and column from 1, the column in bytes.
func position(data []byte, offset int64) string {
	before := data[:min(int(offset), len(data))]
	line := bytes.Count(before, []byte("\n")) + 1
	return fmt.Sprintf("line %d column %d", line, len(before)-bytes.LastIndexByte(before, '\n'))
}
