package jsonobject

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// Strict decodes texts that hold nothing to be guessed. What reading took it keeps for the next text. Safe for
// concurrent use; the zero value is ready.
type Strict struct{ idle sync.Pool }

// Misfit is a value that is not what its key takes.
type Misfit struct {
	Key string // path, such as "options.pluginDirs[1]"
	Err error  // "expected a string, got true", or the error of a function in the Fields
}

func (m *Misfit) Error() string { return fmt.Sprintf("%s: %v", m.Key, m.Err) }
func (m *Misfit) Unwrap() error { return m.Err }

// Decode reads an object into zero values as the function Decode does, but names match only as they are, and a name that
// is there twice, and bytes that are no UTF-8, are an error of the text, which is an *Error. unknown is told the name of
// each member that no Fields have, and how to get its path. misfit is the first value that does not fit, nil for none.
func (s *Strict) Decode(data []byte, into Fields, unknown func(name string,
	path func() string)) (misfit *Misfit, err error) {
	if err := Check(data); err != nil {
		return nil, err
	}
	d, _ := s.idle.Get().(*decoder)
	if d == nil {
		d = new(decoder)
	}
	defer s.release(d)
	d.read(data)
	d.unknown = unknown
	if kind := d.PeekKind(); kind != '{' && kind != 0 {
		return nil, Errorf("", "expected an object, got %s", Describe(kind))
	}
	err = CheckEnd(&d.Decoder, data, func(*jsontext.Decoder) error { return d.object(into) })
	if err != nil {
		// What is wrong with a text is said in words that do not depend on which of its values were taken whole.
		if worded := CheckEnd(newDecoder(data), data, (*jsontext.Decoder).SkipValue); worded != nil {
			err = worded
		}
		return nil, err
	}
	misfit, _ = d.wrong.(*Misfit)
	return misfit, nil
}

// release keeps a decoder, but nothing of what it read.
func (s *Strict) release(d *decoder) {
	d.read(nil)
	d.unknown = nil
	s.idle.Put(d)
}

// at is the path of what was read last.
func (d *decoder) at() string { return KeyPath(d.StackPointer()) }

func (d *decoder) place(err error) error { return &Misfit{Key: d.at(), Err: err} }

// literalName says what is written where into takes its value from.
func literalName(into any) string {
	switch into.(type) {
	case *bool:
		return "true or false"
	case *int, *int64, *uint64:
		return "a number"
	}
	return "a string"
}

// wholeNumber says what is expected where number, which is JSON, is not taken.
func wholeNumber(number string) string {
	if strings.Trim(number, "-0123456789") == "" {
		return "a whole number of 64 bits"
	}
	return "a whole number without fraction or exponent"
}
