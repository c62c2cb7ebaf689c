// Package strictjson decodes our own requests: nothing in them is guessed, and each refusal names the key.
package strictjson

import (
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// Decoder decodes requests. Safe for concurrent use; the zero value is ready.
type Decoder struct{ object jsonobject.Strict }

// Decode decodes the JSON object data into fields, whose values have to be zero. Keys are case-sensitive, raw values
// are parts of data, and null counts as absent.
//
// Refused are invalid UTF-8, a key that is there twice at any depth, text after the object, more than
// jsonobject.MaxSize bytes, a value of the wrong type, and a key that the fields, or the fields of an object within, do
// not have, unless it begins with "x-" or *ignoreUnknown, which may be one of the fields, is true. The error is a
// *fault.Error of kind invalid-request whose Details is the path of the key.
func (d *Decoder) Decode(data []byte, fields jsonobject.Fields, ignoreUnknown *bool) error {
	s := stranger{fields: fields}
	misfit, err := d.object.Decode(data, fields, s.note)
	switch {
	case err != nil:
		return refuse(err)
	case s.unknown != nil && !*ignoreUnknown:
		return s.unknown
	case misfit != nil:
		return explain(misfit)
	}
	return nil
}

// refuse words what is wrong with the text as a whole.
func refuse(err error) error {
	var text *jsonobject.Error
	if errors.As(err, &text) && text.Key != "" {
		return fault.InvalidRequest(text.Key, "request: %s: %s", text.Key, text.Msg)
	}
	return fault.InvalidRequest("", "request: %v", err)
}

// explain words what is wrong with a value. A field's own *fault.Error is passed on.
func explain(misfit *jsonobject.Misfit) error {
	var own *fault.Error
	if errors.As(misfit, &own) {
		return own
	}
	return fault.InvalidRequest(misfit.Key, "%v", misfit)
}
