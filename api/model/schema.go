package model

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// document is cni.api.json as it is written. Unknown keywords are refused, so that a misspelled one
// is found.
type document struct {
	Schema          string          `json:"$schema"`
	Title           string          `json:"title"`
	Description     string          `json:"description"`
	ABI             int             `json:"abi"`
	Version         string          `json:"version"`
	Soname          string          `json:"soname"`
	MaxRequestBytes int             `json:"maxRequestBytes"`
	Sections        []*Section      `json:"sections"`
	Functions       []function      `json:"functions"`
	Callbacks       []callback      `json:"callbacks"`
	Kinds           []*Kind         `json:"kinds"`
	Codes           []Code          `json:"codes"`
	Errnos          []Errno         `json:"errnos"`
	Builtins        []builtin       `json:"builtins"`
	Files           []file          `json:"files"`
	Defs            ordered[schema] `json:"$defs"`
}

type function struct {
	Name        string      `json:"name"`
	Method      string      `json:"method"`
	Section     string      `json:"section"`
	Prototype   string      `json:"prototype"`
	Since       string      `json:"since"`
	Summary     string      `json:"summary"`
	Command     string      `json:"command"`
	Text        []string    `json:"text"`
	Request     schema      `json:"request"`
	Response    schema      `json:"response"`
	Keys        []string    `json:"keys"`
	Positional  []string    `json:"positional"`
	Parameters  []Parameter `json:"parameters"`
	Blocks      bool        `json:"blocks"`
	Cancellable bool        `json:"cancellable"`
	Codes       []Code      `json:"codes"`
	Kinds       []string    `json:"kinds"`
	Returns     []string    `json:"returns"`
}

type callback struct {
	Name      string   `json:"name"`
	Section   string   `json:"section"`
	Prototype string   `json:"prototype"`
	Since     string   `json:"since"`
	Summary   string   `json:"summary"`
	Text      []string `json:"text"`
	Event     schema   `json:"event"`
}

type builtin struct {
	Type         string   `json:"type"`
	Role         string   `json:"role"`
	Summary      string   `json:"summary"`
	Config       schema   `json:"config"`
	Capabilities []string `json:"capabilities"`
	Args         []string `json:"args"`
	Since        string   `json:"since"`
}

type file struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Summary string `json:"summary"`
	Content schema `json:"content"`
	Since   string `json:"since"`
}

// schema is a JSON Schema, with the keywords that the description uses, and with unit and since.
type schema struct {
	Ref                   string          `json:"$ref"`
	Type                  string          `json:"type"`
	Description           string          `json:"description"`
	Enum                  []string        `json:"enum"`
	Items                 *schema         `json:"items"`
	PrefixItems           []schema        `json:"prefixItems"`
	OneOf                 []schema        `json:"oneOf"`
	AnyOf                 []schema        `json:"anyOf"`
	Properties            ordered[schema] `json:"properties"`
	PatternProperties     ordered[schema] `json:"patternProperties"`
	AdditionalProperties  *schema         `json:"additionalProperties"`
	UnevaluatedProperties *schema         `json:"unevaluatedProperties"`
	PropertyNames         *schema         `json:"propertyNames"`
	Required              []string        `json:"required"`
	Pattern               string          `json:"pattern"`
	Format                string          `json:"format"`
	ContentEncoding       string          `json:"contentEncoding"`
	Minimum               *int64          `json:"minimum"`
	Maximum               *int64          `json:"maximum"`
	MinLength             *int64          `json:"minLength"`
	MaxLength             *int64          `json:"maxLength"`
	MinItems              *int64          `json:"minItems"`
	Default               jsontext.Value  `json:"default"`
	Unit                  string          `json:"unit"`
	Since                 string          `json:"since"`

	never bool // the schema false
}

// UnmarshalJSONFrom reads an object, true or false.
func (s *schema) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind == 't' || kind == 'f' {
		s.never = kind == 'f'
		return dec.SkipValue()
	}
	type plain schema
	return json.UnmarshalDecode(dec, (*plain)(s))
}

// name returns the name of the definition that the schema refers to, or "".
func (s *schema) name() string { return strings.TrimPrefix(s.Ref, "#/$defs/") }

// ordered is an object whose members keep the order in which they are written.
type ordered[T any] []named[T]

type named[T any] struct {
	Name  string
	Value T
}

// UnmarshalJSONFrom reads the members in order.
func (o *ordered[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return fmt.Errorf("expected an object, got %v: %w", token, err)
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		member := named[T]{Name: name.String()}
		if err := json.UnmarshalDecode(dec, &member.Value); err != nil {
			return fmt.Errorf("%s: %w", member.Name, err)
		}
		*o = append(*o, member)
	}
	_, err := dec.ReadToken()
	return err
}

func decode(data []byte) (*document, error) {
	d := new(document)
	if err := json.Unmarshal(data, d, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("cni.api.json: %w", err)
	}
	return d, nil
}
