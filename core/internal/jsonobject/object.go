// Package jsonobject reads and writes JSON without reflection. It keeps the order and the bytes of
// the members of objects that it does not interpret, reads objects by tables of fields, and reports
// what is wrong with text that is not JSON.
package jsonobject

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Member is a member of an object. Value is the text of the value without surrounding white space.
type Member struct {
	Name  string
	Value jsontext.Value
}

// Object is the members of an object in the order of the text.
type Object []Member

// usualMembers is the initial capacity of an Object, which suffices for most.
const usualMembers = 8

// Parse splits an object into its members, including all members of a repeated name. The values
// alias raw.
func Parse(raw []byte) (Object, error) {
	if kind := jsontext.Value(raw).Kind(); kind != '{' {
		return nil, &Error{Msg: "expected an object, got " + Describe(kind)}
	}
	dec := newDecoder(raw, jsontext.AllowDuplicateNames(true))
	members := make(Object, 0, usualMembers)
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() != '}' {
		var member Member
		if member, err = readMember(dec, raw); err == nil {
			members = append(members, member)
		}
	}
	if err == nil {
		_, err = dec.ReadToken()
	}
	if err != nil {
		return nil, explain(raw, err)
	}
	return members, nil
}

func readMember(dec *jsontext.Decoder, raw []byte) (Member, error) {
	name, err := dec.ReadToken()
	if err != nil {
		return Member{}, err
	}
	member := Member{Name: name.String()}
	member.Value, err = readValue(dec, raw)
	return member, err
}

// readValue returns the next value as a part of raw; the decoder reuses the memory of what it
// returns.
func readValue(dec *jsontext.Decoder, raw []byte) (jsontext.Value, error) {
	value, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(dec.InputOffset())
	return raw[end-len(value) : end : end], nil
}

// Elements splits an array. The values alias raw.
func Elements(raw []byte) ([]jsontext.Value, error) {
	if kind := jsontext.Value(raw).Kind(); kind != '[' {
		return nil, &Error{Msg: "expected an array, got " + Describe(kind)}
	}
	dec := newDecoder(raw, jsontext.AllowDuplicateNames(true))
	var elements []jsontext.Value
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() != ']' {
		var element jsontext.Value
		if element, err = readValue(dec, raw); err == nil {
			elements = append(elements, element)
		}
	}
	if err != nil {
		return nil, explain(raw, err)
	}
	return elements, nil
}

// Get finds a member as CNI's structures are read: see Index.
func (o Object) Get(name string) (jsontext.Value, bool) {
	i := o.Index(name)
	if i < 0 {
		return nil, false
	}
	return o[i].Value, true
}

// Index returns the index of a member, or -1. An exact match wins, otherwise the last member whose
// name differs only in case.
func (o Object) Index(name string) int {
	found := -1
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Name == name {
			return i
		}
		if found < 0 && strings.EqualFold(o[i].Name, name) {
			found = i
		}
	}
	return found
}

// Without returns all members except those of a name in any case.
func (o Object) Without(name string) Object {
	return slices.DeleteFunc(slices.Clone(o), func(m Member) bool {
		return strings.EqualFold(m.Name, name)
	})
}

// Append writes the members in order, separated by commas and without braces.
func (o Object) Append(dst []byte) []byte {
	size := 0
	for _, member := range o {
		size += len(member.Name) + len(member.Value) + len(`"":,`)
	}
	dst = slices.Grow(dst, size)
	for i, member := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, member.Name), ':')
		dst = append(dst, member.Value...)
	}
	return dst
}

// AppendString writes s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	if Plain.unescaped(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
	quoted, err := jsontext.AppendQuote(dst, s)
	if err != nil {
		quoted, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(s, "\ufffd"))
	}
	return quoted
}

// String returns the value of a JSON string.
func String(value jsontext.Value) (string, bool) {
	if value.Kind() != '"' {
		return "", false
	}
	if last := len(value) - 1; last > 0 && value[last] == '"' {
		if s := string(value[1:last]); Plain.unescaped(s) {
			return s, true
		}
	}
	s, err := jsontext.AppendUnquote(nil, value)
	return string(s), err == nil
}

func newDecoder(data []byte, options ...jsontext.Options) *jsontext.Decoder {
	d := &struct {
		jsontext.Decoder
		source bytes.Buffer // the decoder reads in place from such a buffer
	}{source: *bytes.NewBuffer(data)}
	d.Reset(&d.source, options...)
	return &d.Decoder
}
