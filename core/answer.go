package core

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// appender is an answer that writes itself, by the keys of its tags: the tables that are made of a type to write it by
// reflection take longer than a call's own work in a process that makes but one.
type appender interface{ appendJSON(dst []byte) []byte }

// encode writes the answer of a verb. Whatever raw values are in it, what it returns is JSON without a name that is
// there twice.
func encode(answer any) ([]byte, error) {
	switch answer := answer.(type) {
	case jsontext.Value:
		return jsontext.AppendFormat(nil, answer)
	case appender:
		return jsontext.AppendFormat(nil, answer.appendJSON(nil))
	}
	return nil, fmt.Errorf("a %T does not write itself", answer)
}

// encodeError writes the error object. Plugins may have written anything into its texts.
func encodeError(e *fault.Error) ([]byte, error) {
	return jsontext.AppendFormat(nil, appendError(nil, e), jsontext.AllowInvalidUTF8(true))
}

// none is the answer of verbs that have nothing to say.
type none struct{}

func (none) appendJSON(dst []byte) []byte { return append(dst, "{}"...) }

func appendBool(dst []byte, key string, value bool) []byte {
	return strconv.AppendBool(jsonobject.AppendKey(dst, key), value)
}

func appendInt(dst []byte, key string, value int64) []byte {
	return strconv.AppendInt(jsonobject.AppendKey(dst, key), value, 10)
}

func appendNonempty(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(dst, key, value)
}

func appendString(dst []byte, key, value string) []byte {
	return appendText(jsonobject.AppendKey(dst, key), value)
}

// appendText writes U+FFFD for each byte that is no UTF-8: plugins may say anything.
func appendText(dst []byte, value string) []byte {
	dst, _ = jsontext.AppendQuote(dst, value) // its error is that there was such a byte
	return dst
}

// appendRaw leaves out what holds nothing.
func appendRaw(dst []byte, key string, value jsontext.Value) []byte {
	if len(value) == 0 {
		return dst
	}
	formatted, _ := jsontext.AppendFormat(nil, value) // encode says what is wrong with it
	switch string(formatted) {
	case "null", `""`, "{}", "[]":
		return dst
	}
	return append(jsonobject.AppendKey(dst, key), value...)
}

func appendStrings(dst []byte, key string, list []string) []byte {
	return appendList(dst, key, list, func(dst []byte, s *string) []byte {
		return appendText(dst, *s)
	})
}

func appendList[T any](dst []byte, key string, list []T, add func([]byte, *T) []byte) []byte {
	dst = append(jsonobject.AppendKey(dst, key), '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = add(dst, &list[i])
	}
	return append(dst, ']')
}

// appendMembers writes the values in the order of their names, and nothing if there are none.
func appendMembers(dst []byte, key string, values map[string]jsontext.Value) []byte {
	if len(values) == 0 {
		return dst
	}
	var members jsonobject.Object
	for _, name := range slices.Sorted(maps.Keys(values)) {
		members = append(members, jsonobject.Member{Name: name, Value: values[name]})
	}
	return append(members.Append(append(jsonobject.AppendKey(dst, key), '{')), '}')
}

func appendPair(dst []byte, pair *[2]string) []byte {
	dst = appendText(append(dst, '['), pair[0])
	return append(appendText(append(dst, ','), pair[1]), ']')
}
