package strictjson

import (
	"bytes"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"libcni/core/internal/fault"
	"libcni/core/internal/jsonobject"
)

// walker reads a text beside the type it is for, and notes the first key that the type does not have.
type walker struct {
	dec     *jsontext.Decoder
	root    reflect.Type
	unknown *fault.Error
}

// walk checks the whole text. Unknown keys are returned apart, since the text may say that they are to be let pass.
func (d *Decoder) walk(data []byte) (unknown *fault.Error, err error) {
	w := &walker{dec: jsontext.NewDecoder(bytes.NewBuffer(data)), root: d.of}
	if kind := w.dec.PeekKind(); kind != '{' && kind != 0 {
		return nil, jsonobject.Errorf("", "expected an object, got %s", jsonobject.Describe(kind))
	}
	err = jsonobject.CheckEnd(w.dec, data, func(*jsontext.Decoder) error { return w.value(d.shape) })
	return w.unknown, err
}

func (w *walker) value(s *shape) error {
	kind := w.dec.PeekKind()
	switch {
	case s == nil:
	case kind == '{' && s.kind == reflect.Struct:
		return w.object(s.keys)
	case kind == '{' && s.kind == reflect.Map:
		return w.each('}', s.elem)
	case kind == '[' && s.kind == reflect.Slice:
		return w.each(']', s.elem)
	}
	return w.dec.SkipValue()
}

func (w *walker) object(keys map[string]*shape) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	for w.dec.PeekKind() != '}' {
		name, err := w.dec.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		field, known := keys[key]
		if !known {
			w.note(key)
			err = w.dec.SkipValue()
		} else {
			err = w.value(field)
		}
		if err != nil {
			return err
		}
	}
	_, err := w.dec.ReadToken()
	return err
}

// each walks the elements of an array, or the values of an object whose keys are free.
func (w *walker) each(end jsontext.Kind, elem *shape) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	for w.dec.PeekKind() != end {
		if end == '}' {
			if _, err := w.dec.ReadToken(); err != nil {
				return err
			}
		}
		if err := w.value(elem); err != nil {
			return err
		}
	}
	_, err := w.dec.ReadToken()
	return err
}

// note keeps the first unknown key. The decoder has just read its name.
func (w *walker) note(name string) {
	if w.unknown != nil || strings.HasPrefix(name, "x-") {
		return
	}
	path := jsonobject.KeyPath(w.dec.StackPointer())
	advice := `begin its name with "x-" if it is your own, or set options.ignoreUnknown`
	if near := nearest(w.root, path, name); near != "" {
		advice = "did you mean " + near + "?"
	}
	w.unknown = fault.InvalidRequest(path, "%s: unknown key; %s", path, advice)
}
