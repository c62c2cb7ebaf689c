package attachments

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/jsonobject"
)

// encode returns the file of e, byte for byte as encoding/json writes a document, without escaping
// <, > and &; Go's libcni reads both.
func encode(e *Entry) ([]byte, error) {
	if len(e.Result) > 0 && e.Result.Kind() != '{' {
		return nil, errors.New("the result is not a JSON object")
	}
	var f encoder
	f.file(e)
	return f.text, f.err
}

// encoder writes a file member by member.
type encoder struct {
	text []byte
	err  error // of the first raw value that is not JSON
}

func (f *encoder) open(bracket byte)  { f.text = append(f.text, bracket) }
func (f *encoder) close(bracket byte) { f.text = append(f.text, bracket) }

func (f *encoder) key(name string) { f.text = jsonobject.AppendKey(f.text, name) }

func (f *encoder) value(s string) { f.text = jsonobject.AppendEncoded(f.text, s, jsonobject.Plain) }

func (f *encoder) string(key, value string) {
	f.key(key)
	f.value(value)
}

func (f *encoder) nonempty(key, value string) {
	if value != "" {
		f.string(key, value)
	}
}

func (f *encoder) int(key string, value int64) {
	f.key(key)
	f.text = strconv.AppendInt(f.text, value, 10)
}

func (f *encoder) uint(key string, value uint64) {
	f.key(key)
	f.text = strconv.AppendUint(f.text, value, 10)
}

func (f *encoder) bool(key string, value bool) {
	f.key(key)
	f.text = strconv.AppendBool(f.text, value)
}

func (f *encoder) base64(key string, value []byte) {
	f.key(key)
	if value == nil {
		f.text = append(f.text, "null"...)
		return
	}
	f.text = append(base64.StdEncoding.AppendEncode(append(f.text, '"'), value), '"')
}

// raw omits an absent value.
func (f *encoder) raw(key string, value jsontext.Value) {
	if len(value) > 0 {
		f.key(key)
		f.compact(key, value)
	}
}

// compact writes a value without the white space between its parts.
func (f *encoder) compact(key string, value jsontext.Value) {
	text, err := jsontext.AppendFormat(f.text, value,
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true),
		jsontext.PreserveRawStrings(true))
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%s: %w", key, err)
	}
	f.text = text
}

func (f *encoder) args(key string, args [][2]string) {
	if len(args) == 0 {
		return
	}
	f.key(key)
	for i, pair := range args {
		f.text = append(f.text, separator(i, '['), '[')
		f.value(pair[0])
		f.text = append(f.text, ',')
		f.value(pair[1])
		f.text = append(f.text, ']')
	}
	f.text = append(f.text, ']')
}

func (f *encoder) members(key string, args map[string]jsontext.Value) {
	if len(args) == 0 {
		return
	}
	f.key(key)
	for i, name := range slices.Sorted(maps.Keys(args)) {
		f.text = append(f.text, separator(i, '{'))
		f.value(name)
		f.text = append(f.text, ':')
		if args[name] == nil {
			f.text = append(f.text, "null"...)
			continue
		}
		f.compact(key, args[name])
	}
	f.text = append(f.text, '}')
}

func (f *encoder) plugins(key string, plugins []Ran) {
	if len(plugins) == 0 {
		return
	}
	f.key(key)
	for i := range plugins {
		f.open(separator(i, '['))
		f.plugin(&plugins[i])
	}
	f.close(']')
}

// separator returns what precedes an element: the bracket before the first, a comma before the
// others.
func separator(i int, open byte) byte {
	if i == 0 {
		return open
	}
	return ','
}
