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

// appender is a response that writes itself. Encoding by reflection builds tables of each type,
// which takes longer than the work of a call in a process that makes a single one.
type appender interface{ appendJSON(dst []byte) []byte }

// encode writes the response of a verb. It returns valid JSON without duplicate names, or an error
// if a raw value in the response violates either.
func encode(response any) ([]byte, error) {
	switch response := response.(type) {
	case jsontext.Value:
		return jsontext.AppendFormat(nil, response)
	case appender:
		text := response.appendJSON(make([]byte, 0, sizeHint(response)))
		return jsontext.AppendFormat(make([]byte, 0, len(text)), text)
	}
	return nil, fmt.Errorf("a %T does not write itself", response)
}

// sizeHint returns about the size of a long response. A buffer that grows to the size of 20,000
// attachments costs several times their memory.
func sizeHint(response appender) (size int) {
	const keysAndNames = 400
	if list, ok := response.(*AttachmentsAnswer); ok {
		for i := range list.Attachments {
			a := &list.Attachments[i]
			size += keysAndNames + len(a.Result) + len(a.Config)
		}
	}
	return size
}

// encodeError writes the error object. Plugins may have written anything into its texts.
func encodeError(e *fault.Error) ([]byte, error) {
	return jsontext.AppendFormat(nil, appendError(nil, e), jsontext.AllowInvalidUTF8(true))
}

// none is the response of verbs that return no information.
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

// appendText replaces invalid UTF-8 with U+FFFD, because plugins may write anything.
func appendText(dst []byte, value string) []byte {
	dst, _ = jsontext.AppendQuote(dst, value) // the error reports invalid UTF-8
	return dst
}

// appendRaw omits empty values.
func appendRaw(dst []byte, key string, value jsontext.Value) []byte {
	if len(value) == 0 {
		return dst
	}
	formatted, _ := jsontext.AppendFormat(nil, value) // encode reports the error
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

// appendMembers writes the values in the order of their names. It omits an empty map.
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
