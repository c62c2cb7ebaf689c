package jsonobject

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxSize is the maximum size of a text in bytes.
const MaxSize = 16 << 20

// rewriteDepth bounds how often rewrite copies a byte, which is once per level.
const rewriteDepth = 200

var errTooDeep = fmt.Errorf("more than %d levels of objects and arrays, with a duplicate key or "+
	"invalid UTF-8", rewriteDepth)

// Leniency selects what Normalize corrects instead of refusing it.
type Leniency int

const (
	// Duplicates keeps the last of several members of a name, as Go's libcni does.
	Duplicates Leniency = 1 << iota
	// InvalidUTF8 repositions invalid UTF-8 by U+FFFD, as Go's encoding/json does.
	InvalidUTF8
)

// Normalize checks that data is exactly one JSON value. It returns data without surrounding white
// space, or a new text if it had to correct something. The error is an *Error.
func Normalize(data []byte, lenient Leniency) (jsontext.Value, error) {
	if err := Check(data); err != nil {
		return nil, err
	}
	data = bytes.TrimSpace(data)
	if jsontext.Value(data).IsValid() { // the usual case, without allocations
		return data, nil
	}
	err := CheckEnd(newDecoder(data), data, (*jsontext.Decoder).SkipValue)
	if err == nil {
		return data, nil
	}
	if lenient == 0 {
		return nil, err
	}
	dec := newDecoder(data, jsontext.AllowDuplicateNames(lenient&Duplicates != 0),
		jsontext.AllowInvalidUTF8(lenient&InvalidUTF8 != 0))
	var out []byte
	err = CheckEnd(dec, data, func(dec *jsontext.Decoder) (err error) {
		out, err = rewrite(nil, dec)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CheckEnd reads one value with read, which returns errors of the decoder, and checks that nothing
// follows it. The error is an *Error.
func CheckEnd(dec *jsontext.Decoder, data []byte, read func(*jsontext.Decoder) error) error {
	if err := read(dec); err != nil {
		return explain(data, err)
	}
	end := dec.InputOffset()
	if _, err := dec.ReadToken(); errors.Is(err, io.EOF) {
		return nil
	}
	rest := bytes.TrimLeft(data[end:], " \t\r\n")
	at := position(data, int64(len(data)-len(rest)))
	return &Error{Msg: "not valid JSON: more text follows the value at " + at}
}

// Check refuses texts for which a parser has no good message. The error is an *Error.
func Check(data []byte) error {
	switch {
	case len(data) > MaxSize:
		return Errorf("", "%d bytes are too many; %d MiB are allowed", len(data), MaxSize>>20)
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return Errorf("", "begins with a byte order mark; save it as UTF-8 without one")
	case len(bytes.TrimSpace(data)) == 0:
		return Errorf("", "it is empty")
	}
	return nil
}

// rewrite copies the next value of dec. Objects keep one member of a name: the last, in the
// position of the first.
func rewrite(dst []byte, dec *jsontext.Decoder) ([]byte, error) {
	if dec.StackDepth() > rewriteDepth {
		return nil, errTooDeep
	}
	switch dec.PeekKind() {
	case '{':
		return rewriteObject(dst, dec)
	case '[':
		return rewriteArray(dst, dec)
	}
	value, err := dec.ReadValue()
	if err == nil && value.Kind() == '"' && !value.IsValid() {
		text, _ := jsontext.AppendUnquote(nil, value) // repositions invalid UTF-8, and reports it
		return AppendString(dst, string(text)), nil
	}
	return append(dst, value...), err
}

func rewriteObject(dst []byte, dec *jsontext.Decoder) ([]byte, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var members Object
	positions := map[string]int{}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := strings.ToValidUTF8(token.String(), "\ufffd")
		value, err := rewrite(nil, dec)
		if err != nil {
			return nil, err
		}
		position, found := positions[name]
		if !found {
			position = len(members)
			positions[name] = position
			members = append(members, Member{Name: name})
		}
		members[position].Value = value
	}
	_, err := dec.ReadToken()
	return append(members.Append(append(dst, '{')), '}'), err
}

func rewriteArray(dst []byte, dec *jsontext.Decoder) ([]byte, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	dst = append(dst, '[')
	for first := true; dec.PeekKind() != ']'; first = false {
		if !first {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = rewrite(dst, dec); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return append(dst, ']'), err
}
