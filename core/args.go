package core

import (
	"bytes"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Args is the args key: an object, or an array of pairs where order or repetition matters. It
// becomes CNI_ARGS.
type Args plugin.Args

// read accepts {"K":"V"} and [["K","V"]].
func (a *Args) read(value jsontext.Value) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(value))
	var err error
	switch dec.PeekKind() {
	case '{':
		err = a.decodeObject(dec)
	case '[':
		err = a.decodePairs(dec)
	case 'n':
		return nil
	default:
		err = errors.New("expected an object or an array of pairs")
	}
	if err != nil {
		return fault.InvalidRequest("args", "args: %v", err)
	}
	return a.validate()
}

func (a *Args) decodeObject(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		if err := a.decodePair(dec); err != nil {
			return err
		}
	}
	return nil
}

func (a *Args) decodePairs(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if dec.PeekKind() != '[' {
			return errors.New(`expected pairs, such as ["IP","10.1.2.3"]`)
		}
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		if err := a.decodePair(dec); err != nil {
			return err
		}
		if end, err := dec.ReadToken(); err != nil || end.Kind() != ']' {
			return errors.New("a pair has a key and a value, no more")
		}
	}
	return nil
}

func (a *Args) decodePair(dec *jsontext.Decoder) error {
	var pair [2]string
	for i := range pair {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if token.Kind() != '"' {
			return errors.New("keys and values are strings")
		}
		pair[i] = token.String()
	}
	*a = append(*a, pair)
	return nil
}

// validate refuses what CNI_ARGS cannot express: its form is "K=V;K=V", without escapes.
func (a *Args) validate() error {
	for _, pair := range *a {
		if pair[0] == "" || strings.ContainsAny(pair[0], "=;\x00") ||
			strings.ContainsAny(pair[1], ";\x00") {
			return fault.InvalidRequest("args",
				"args: %q=%q cannot be put into CNI_ARGS, which has no escapes: no ; and no NUL in either, "+
					"no = in a key", pair[0], pair[1])
		}
	}
	return nil
}
