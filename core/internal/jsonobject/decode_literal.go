package jsonobject

import (
	"encoding/base64"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// literal reads a value that is neither an object nor an array.
func (d *decoder) literal(into any) error {
	kind := d.PeekKind()
	if kind == '{' || kind == '[' {
		return d.mismatch(kind, literalName(into))
	}
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	fits := false
	switch kind {
	case '"':
		fits = d.setString(into, token)
	case 't', 'f':
		fits = setBool(into, kind == 't')
	case '0':
		fits = d.setNumber(into, token)
	case 'n':
		d.setNull(into)
		fits = true
	}
	if !fits {
		d.reportKind(kind, literalName(into))
	}
	return nil
}

// setString stores a string, and reports whether the destination takes one.
func (d *decoder) setString(into any, token jsontext.Token) bool {
	switch into := into.(type) {
	case *string:
		*into = token.String()
	case func(string) error:
		d.report(into(token.String()))
	case *[]byte:
		var err error
		*into, err = base64.StdEncoding.DecodeString(token.String())
		d.report(err)
	default:
		return false
	}
	return true
}

func setBool(into any, value bool) bool {
	b, takes := into.(*bool)
	if takes {
		*b = value
	}
	return takes
}

// setNumber stores a number, and reports whether the destination takes one.
func (d *decoder) setNumber(into any, token jsontext.Token) bool {
	var err error
	switch into := into.(type) {
	case *int:
		*into, err = strconv.Atoi(token.String())
	case *int64:
		*into, err = strconv.ParseInt(token.String(), 10, 64)
	case *uint64:
		*into, err = strconv.ParseUint(token.String(), 10, 64)
	default:
		return false
	}
	d.reportNumber(token, err)
	return true
}

// setNull leaves most destinations unchanged.
func (d *decoder) setNull(into any) {
	switch into := into.(type) {
	case func(string) error:
		d.report(into(""))
	case *[]byte:
		*into = nil
	}
}

// literalName describes the values that a destination takes.
func literalName(into any) string {
	switch into.(type) {
	case *bool:
		return "true or false"
	case *int, *int64, *uint64:
		return "a number"
	case *string, *[]byte, func(string) error:
		return "a string"
	}
	panic("jsonobject: this destination is not supported")
}
