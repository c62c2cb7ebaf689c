// Package strictjson decodes requests of the API. It guesses nothing, and each error names the key.
package strictjson

import (
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// Decoder decodes requests. Safe for concurrent use; the zero value is ready.
type Decoder struct{ object jsonobject.Strict }

// Decode decodes the JSON object data into fields, whose values must be zero. Keys are
// case-sensitive, raw values are parts of data, and null counts as absent.
//
// It refuses invalid UTF-8, a duplicate key at any depth, text after the object, more than
// jsonobject.MaxSize bytes, a value of the wrong type, and a key that is not in the fields of its
// object, unless the key begins with "x-" or *ignoreUnknown, which may be one of the fields, is
// true. The error is a *fault.Error of kind invalid-request whose Details is the path of the key.
func (d *Decoder) Decode(data []byte, fields jsonobject.Fields, ignoreUnknown *bool) error {
	u := unknownKey{fields: fields}
	wrong, err := d.object.Decode(data, fields, u.report)
	switch {
	case err != nil:
		return textError(err)
	case u.err != nil && !*ignoreUnknown:
		return u.err
	case wrong != nil:
		return valueError(wrong)
	}
	return nil
}

// textError describes an error of the text as a whole.
func textError(err error) error {
	var text *jsonobject.Error
	if errors.As(err, &text) && text.Key != "" {
		return fault.InvalidRequest(text.Key, "request: %s: %s", text.Key, text.Msg)
	}
	return fault.InvalidRequest("", "request: %v", err)
}

// valueError describes a wrong value. A *fault.Error of a field itself is passed on.
func valueError(wrong *jsonobject.ValueError) error {
	var own *fault.Error
	if errors.As(wrong, &own) {
		return own
	}
	return fault.InvalidRequest(wrong.Key, "%v", wrong)
}
