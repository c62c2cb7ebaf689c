package jsonobject

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Fields are the members of an object that are read, each with where its value goes: a pointer to a string, bool,
// number, raw value, list or map of these or pointer to these, a function that takes a string ("" for null) or a raw
// value, what List or Optional returns, or the Fields of an object within. All other members are ignored.
type Fields []Field

// Field is the name of a member, a string, and where its value goes.
type Field [2]any

// TypeError says that a value is not of the type that its key has.
type TypeError struct {
	Key   string // path of the key without indexes, such as "ipam.ranges.subnet"
	Value string // what is there: "string", "number 1.5"
}

func (e *TypeError) Error() string { return e.Key + ": must not be a JSON " + e.Value }

// Decode reads data as encoding/json reads a struct, without the tables that it makes of one in each process. Names
// match in any case. Of members of one name the last counts, though objects and lists are read over what is there. null
// leaves a value as it is, but empties lists, raw maps and pointers. Bytes that are no UTF-8 become U+FFFD. Raw values
// alias data. The error is that of encoding/json for text that is no JSON, or for the first value that does not fit.
func Decode(data []byte, into any) error {
	var d decoder
	d.read(data, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	err := CheckEnd(&d.Decoder, data, func(*jsontext.Decoder) error { return d.value(into) })
	if err == nil {
		return d.wrong
	}
	// Plugins tell people what is wrong in the words of encoding/json.
	if worded := json.Unmarshal(data, new(json.RawMessage)); worded != nil {
		return worded
	}
	return err
}

// decoder reads a text once, front to back. The errors of its methods are those of the text; a value that does not fit
// is noted and passed over.
type decoder struct {
	jsontext.Decoder
	source bytes.Buffer // of raw, which the Decoder reads in place
	raw    []byte
	wrong  error // the first value that did not fit

	// unknown makes the decoder strict, and is told of members that no Fields have.
	unknown func(name string, path func() string)

	path   []string
	within [4]string // of path, unless it is longer
}

// read makes the decoder one of data.
func (d *decoder) read(data []byte, options ...jsontext.Options) {
	d.source, d.raw, d.wrong, d.path = *bytes.NewBuffer(data), data, nil, d.within[:0]
	d.Reset(&d.source, options...)
}

// reader reads a value of a type that value does not know.
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
			d.note(into(value))
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

// literal reads a value that is neither object nor array.
func (d *decoder) literal(into any) error {
	kind := d.PeekKind()
	if kind == '{' || kind == '[' {
		return d.mismatch(kind, literalName(into))
	}
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch into := into.(type) {
	case *string:
		if kind == '"' {
			*into = token.String()
			return nil
		}
	case func(string) error:
		switch kind {
		case '"':
			d.note(into(token.String()))
			return nil
		case 'n':
			d.note(into(""))
		}
	case *[]byte:
		switch kind {
		case '"':
			*into, err = base64.StdEncoding.DecodeString(token.String())
			d.note(err)
			return nil
		case 'n':
			*into = nil
		}
	case *bool:
		if kind == 't' || kind == 'f' {
			*into = kind == 't'
			return nil
		}
	case *int:
		if kind == '0' {
			*into, err = strconv.Atoi(token.String())
			d.noteNumber(token, err)
			return nil
		}
	case *int64:
		if kind == '0' {
			*into, err = strconv.ParseInt(token.String(), 10, 64)
			d.noteNumber(token, err)
			return nil
		}
	case *uint64:
		if kind == '0' {
			*into, err = strconv.ParseUint(token.String(), 10, 64)
			d.noteNumber(token, err)
			return nil
		}
	default:
		panic("jsonobject: values are not read into such a type")
	}
	if kind != 'n' {
		d.noteMismatch(kind, literalName(into))
	}
	return nil
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

// find returns the field of a name in quotes, and its name as it is in fields.
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
		d.unknown(string(name), d.at)
		return "", nil
	}
	for _, field := range fields {
		if key := field[0].(string); strings.EqualFold(key, string(name)) {
			return key, field[1]
		}
	}
	return "", nil
}

// unquote replaces what is no UTF-8.
func unquote(quoted []byte) []byte {
	text, _ := jsontext.AppendUnquote(nil, quoted) // its error is that there was such
	return text
}

// members calls read for the name of each member, in quotes, to read its value. null has none.
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

// mismatch passes over a value that does not fit.
func (d *decoder) mismatch(kind jsontext.Kind, expected string) error {
	err := d.skip()
	if err == nil {
		d.noteMismatch(kind, expected)
	}
	return err
}

func (d *decoder) noteMismatch(kind jsontext.Kind, expected string) {
	d.unfit(kindName(kind), expected, Describe(kind))
}

func (d *decoder) noteNumber(number jsontext.Token, err error) {
	if err != nil {
		d.unfit("number "+number.String(), wholeNumber(number.String()), number.String())
	}
}

// unfit notes that the value just read does not fit. value is what encoding/json calls it.
func (d *decoder) unfit(value, expected, got string) {
	if d.unknown != nil {
		d.note(Errorf("", "expected %s, got %s", expected, got))
		return
	}
	d.note(&TypeError{Key: strings.Join(d.path, "."), Value: value})
}

// note keeps the first error that is about the value just read.
func (d *decoder) note(err error) {
	if err == nil || d.wrong != nil {
		return
	}
	if d.unknown != nil {
		err = d.place(err)
	}
	d.wrong = err
}

// kindName is what encoding/json calls a kind of value.
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
