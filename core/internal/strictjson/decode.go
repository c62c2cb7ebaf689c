// Package strictjson decodes our own requests: nothing in them is guessed, and each refusal names the key.
package strictjson

import (
	"errors"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"libcni/core/internal/fault"
	"libcni/core/internal/jsonobject"
)

// Decoder decodes requests of one type. Safe for concurrent use.
type Decoder struct {
	of    reflect.Type
	shape *shape
}

// NewDecoder returns the decoder for the struct that into points to, and which holds no value of its own type.
func NewDecoder(into any) *Decoder {
	t := deref(reflect.TypeOf(into))
	return &Decoder{of: t, shape: shapeOf(t)}
}

// Decode decodes the JSON object data into the struct that into points to, one of the decoder's type. It is go-json-experiment/json's Unmarshal:
// keys are case-sensitive, embedded structs count as part of the struct, jsontext.Value takes a value's bytes as they
// are, null counts as absent.
//
// Refused are invalid UTF-8, a key that is there twice at any depth, text after the object, more than
// jsonobject.MaxSize bytes, a value of the wrong type, and a key that the struct, or a struct within it, does not
// have, unless it begins with "x-" or the object's options.ignoreUnknown is true. The error is a *fault.Error of kind
// invalid-request whose Details is the path of the key.
func (d *Decoder) Decode(data []byte, into any) error {
	if err := jsonobject.Check(data); err != nil {
		return refuse(err)
	}
	unknown, err := d.walk(data)
	if err != nil {
		return refuse(err)
	}
	if unknown != nil && !ignoresUnknown(data) {
		return unknown
	}
	if err := json.Unmarshal(data, into); err != nil {
		return explain(err)
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

func ignoresUnknown(data []byte) bool {
	options, _ := get(data, "options")
	ignore, _ := get(options, "ignoreUnknown")
	return ignore.Kind() == 't'
}

func get(data []byte, key string) (jsontext.Value, bool) {
	object, err := jsonobject.Parse(data)
	if err != nil {
		return nil, false
	}
	for _, member := range object {
		if member.Name == key {
			return member.Value, true
		}
	}
	return nil, false
}

// explain words an error of Unmarshal. An unmarshaler's own *fault.Error is passed on.
func explain(err error) error {
	var own *fault.Error
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &own):
		return own
	case !errors.As(err, &semantic):
		return fault.InvalidRequest("", "request: %v", err)
	}
	key := jsonobject.KeyPath(semantic.JSONPointer)
	switch {
	case semantic.JSONKind == '0' && isInteger(semantic.GoType):
		return fault.InvalidRequest(key, "%s: expected %s, got %s", key, wholeNumber(semantic), semantic.JSONValue)
	case semantic.Err != nil && semantic.JSONKind == 0 || isCustom(semantic.GoType):
		return fault.InvalidRequest(key, "%s: %v", key, semantic.Err)
	}
	return fault.InvalidRequest(key, "%s: expected %s, got %s", key, expected(semantic.GoType), jsonobject.Describe(semantic.JSONKind))
}

func wholeNumber(semantic *json.SemanticError) string {
	if errors.Is(semantic.Err, strconv.ErrRange) {
		return "a whole number of " + strconv.Itoa(semantic.GoType.Bits()) + " bits"
	}
	return "a whole number without fraction or exponent"
}
