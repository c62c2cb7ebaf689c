package jsonobject

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Fields lists the members of an object to read, each with its destination: a pointer to a string,
// bool, number, raw value, list or map of these or pointer to these; a function that takes a string
// ("" for null) or a raw value; a result of List or Optional; or the Fields of a nested object. All
// other members are ignored.
type Fields []Field

// Field is the name of a member, a string, and its destination.
type Field [2]any

// TypeError reports a value of the wrong type.
type TypeError struct {
	Key      string // path of the key without indexes, such as "ipam.ranges.subnet"
	Value    string // the value in the words of encoding/json: "string", "number 1.5"
	Expected string // such as "a string"
	Got      string // such as "an object", "1.5"
}

func (e *TypeError) Error() string {
	text := "expected " + e.Expected + ", got " + e.Got
	if e.Key == "" {
		return text
	}
	return e.Key + ": " + text
}

// Decode reads data as encoding/json reads a struct, without the tables that encoding/json builds
// in each process. Names match in any case. The last member of a name wins, but objects and lists
// are read over the earlier value. null leaves a value unchanged, except that it empties lists, raw
// maps and pointers. Invalid UTF-8 becomes U+FFFD. Raw values alias data. The error is that of
// encoding/json for text that is not JSON, or a *TypeError for the first value of the wrong type.
func Decode(data []byte, into any) error {
	var d decoder
	d.read(data, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	err := CheckEnd(&d.Decoder, data, func(*jsontext.Decoder) error { return d.value(into) })
	if err == nil {
		return d.wrong
	}
	// Users of plugins know the error messages of encoding/json.
	if familiar := json.Unmarshal(data, new(json.RawMessage)); familiar != nil {
		return familiar
	}
	return err
}

// decoder reads a text once, from its beginning to its end. Its methods return errors of the text.
// A value of the wrong type is reported and skipped.
type decoder struct {
	jsontext.Decoder
	source bytes.Buffer // of raw, which the Decoder reads in place
	raw    []byte
	wrong  error // about the first value of the wrong type

	// unknown makes the decoder strict, and is called for members that are not in the Fields.
	unknown func(name string, path func() string)

	path    []string
	storage [4]string // of path, unless it is longer
}

// read starts decoding data.
func (d *decoder) read(data []byte, options ...jsontext.Options) {
	d.source, d.raw, d.wrong, d.path = *bytes.NewBuffer(data), data, nil, d.storage[:0]
	d.Reset(&d.source, options...)
}

// reader reads a value of a type that the method value does not handle.
type reader func(*decoder) error

// value reads the next value.
func (d *decoder) value(into any) error {
	switch into := into.(type) {
	case Fields:
		return d.object(into)
	case reader:
		return into(d)
	case *jsontext.Value:
		var err error
		*into, err = readValue(&d.Decoder, d.raw)
		return err
	case func(jsontext.Value) error:
		value, err := readValue(&d.Decoder, d.raw)
		if err == nil {
			d.report(into(value))
		}
		return err
	case *map[string]jsontext.Value:
		return readMembers(d, into, func(v *jsontext.Value) any { return v })
	case *map[string]string:
		return readMembers(d, into, func(s *string) any { return s })
	case *[2]string:
		return d.pair(into)
	case *[]string:
		return readList(d, into, func(s *string) any { return s })
	case *[]jsontext.Value:
		return readList(d, into, func(v *jsontext.Value) any { return v })
	case **string:
		return readOptional(d, into, func(s *string) any { return s })
	case **bool:
		return readOptional(d, into, func(b *bool) any { return b })
	case **int:
		return readOptional(d, into, func(n *int) any { return n })
	case **int64:
		return readOptional(d, into, func(n *int64) any { return n })
	case **[]string:
		return readOptional(d, into, func(list *[]string) any { return list })
	}
	return d.literal(into)
}

// object reads the members that are in fields.
func (d *decoder) object(fields Fields) error {
	return d.members(func(name []byte) error {
		key, into := d.find(fields, name)
		if into == nil {
			return d.skip()
		}
		d.path = append(d.path, key)
		err := d.value(into)
		d.path = d.path[:len(d.path)-1]
		return err
	})
}

// find returns the field of a quoted name, and the name as fields has it.
func (d *decoder) find(fields Fields, quoted []byte) (string, any) {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = unquote(quoted)
	}
	for _, field := range fields {
		if key := field[0].(string); key == string(name) {
			return key, field[1]
		}
	}
	if d.unknown != nil {
		d.unknown(string(name), d.currentPath)
		return "", nil
	}
	for _, field := range fields {
		if key := field[0].(string); strings.EqualFold(key, string(name)) {
			return key, field[1]
		}
	}
	return "", nil
}

// unquote replaces invalid UTF-8.
func unquote(quoted []byte) []byte {
	text, _ := jsontext.AppendUnquote(nil, quoted) // the error reports invalid UTF-8
	return text
}

// members calls read with the quoted name of each member to read its value. null has no members.
func (d *decoder) members(read func(name []byte) error) error {
	kind := d.PeekKind()
	if kind == 'n' {
		return d.skip()
	}
	if kind != '{' {
		return d.mismatch(kind, "an object")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := read(name); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func (d *decoder) skip() error {
	_, err := d.ReadValue()
	return err
}

// mismatch skips a value of the wrong type.
func (d *decoder) mismatch(kind jsontext.Kind, expected string) error {
	err := d.skip()
	if err == nil {
		d.reportKind(kind, expected)
	}
	return err
}

func (d *decoder) reportKind(kind jsontext.Kind, expected string) {
	d.reportType(kindName(kind), expected, Describe(kind))
}

func (d *decoder) reportNumber(number jsontext.Token, err error) {
	if err != nil {
		d.reportType("number "+number.String(), wholeNumber(number.String()), number.String())
	}
}

// reportType reports that the value just read has the wrong type. value is encoding/json's name for
// it.
func (d *decoder) reportType(value, expected, got string) {
	if d.unknown != nil {
		d.report(Errorf("", "expected %s, got %s", expected, got))
		return
	}
	d.report(&TypeError{strings.Join(d.path, "."), value, expected, got})
}

// report keeps the first error about a value, which is the one just read.
func (d *decoder) report(err error) {
	if err == nil || d.wrong != nil {
		return
	}
	if d.unknown != nil {
		err = &ValueError{Key: d.currentPath(), Err: err}
	}
	d.wrong = err
}

// kindName is the name of encoding/json for a kind of value.
func kindName(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case '0':
		return "number"
	}
	return "bool"
}
