package jsonobject

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// Strict decodes texts without guessing. It reuses memory for later texts. Safe for concurrent use;
// the zero value is ready.
type Strict struct{ idle sync.Pool }

// ValueError reports a value that its key does not take.
type ValueError struct {
	Key string // path, such as "options.pluginDirs[1]"
	Err error  // "expected a string, got true", or the error of a function in the Fields
}

func (e *ValueError) Error() string { return fmt.Sprintf("%s: %v", e.Key, e.Err) }
func (e *ValueError) Unwrap() error { return e.Err }

// Decode reads an object into zero values as the function Decode does, except that names match
// exactly, and that a duplicate name or invalid UTF-8 is an error of the text, which is an *Error.
// unknown receives the name of each member that is not in the Fields, and a function that returns
// its path. wrong is the first value that its key does not take, or nil.
func (s *Strict) Decode(data []byte, into Fields,
	unknown func(name string, path func() string)) (wrong *ValueError, err error) {
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
		// The message must not depend on which values were read as a whole.
		skip := (*jsontext.Decoder).SkipValue
		if independent := CheckEnd(newDecoder(data), data, skip); independent != nil {
			err = independent
		}
		return nil, err
	}
	wrong, _ = d.wrong.(*ValueError)
	return wrong, nil
}

// release keeps a decoder without the text that it read.
func (s *Strict) release(d *decoder) {
	d.read(nil)
	d.unknown = nil
	s.idle.Put(d)
}

// currentPath is the path of what was read last.
func (d *decoder) currentPath() string { return KeyPath(d.StackPointer()) }

// wholeNumber describes the numbers that are accepted where number, which is JSON, is not.
func wholeNumber(number string) string {
	if strings.Trim(number, "-0123456789") == "" {
		return "a whole number of 64 bits"
	}
	return "a whole number without fraction or exponent"
}
