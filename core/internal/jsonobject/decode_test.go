package jsonobject

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// sample has a member of every type that Decode reads, with the tags by which encoding/json reads
// the same.
type sample struct {
	S        string                    `json:"string"`
	B        bool                      `json:"bool"`
	I        int                       `json:"int"`
	I64      int64                     `json:"int64"`
	U64      uint64                    `json:"uint64"`
	Bytes    []byte                    `json:"bytes"`
	Raw      jsontext.Value            `json:"raw"`
	Raws     []jsontext.Value          `json:"raws"`
	Members  map[string]jsontext.Value `json:"members"`
	Strings  []string                  `json:"strings"`
	Pairs    [][2]string               `json:"pairs"`
	PS       *string                   `json:"maybeString"`
	PB       *bool                     `json:"maybeBool"`
	PI       *int                      `json:"maybeInt"`
	PStrings *[]string                 `json:"maybeStrings"`
	Inner    inner                     `json:"inner"`
	PInner   *inner                    `json:"maybeInner"`
	Inners   []inner                   `json:"inners"`
	Nested   [][]inner                 `json:"nested"`
	PInners  []*inner                  `json:"pointers"`
}

type inner struct {
	Name string `json:"name"`
	N    *int   `json:"nümber"` // a name that is not ASCII
}

func (s *sample) fields() any {
	return Fields{
		{"string", &s.S}, {"bool", &s.B}, {"int", &s.I}, {"int64", &s.I64}, {"uint64", &s.U64},
		{"bytes", &s.Bytes},
		{"raw", &s.Raw}, {"raws", &s.Raws}, {"members", &s.Members}, {"strings", &s.Strings},
		{"pairs", List(&s.Pairs, func(p *[2]string) any { return p })},
		{"maybeString", &s.PS}, {"maybeBool", &s.PB}, {"maybeInt", &s.PI}, {"maybeStrings", &s.PStrings},
		{"inner", s.Inner.fields()}, {"maybeInner", Optional(&s.PInner, (*inner).fields)},
		{"inners", List(&s.Inners, (*inner).fields)},
		{"nested", List(&s.Nested, func(list *[]inner) any { return List(list, (*inner).fields) })},
		{"pointers", List(&s.PInners, func(p **inner) any { return Optional(p, (*inner).fields) })},
	}
}

func (i *inner) fields() any { return Fields{{"name", &i.Name}, {"nümber", &i.N}} }

// decodeCases are texts that Decode must take for what encoding/json does.
var decodeCases = []string{
	`{"string":"s","bool":true,"int":-7,"int64":-9223372036854775808,"uint64":18446744073709551615,"bytes":"AQI=","raw":{"x" : 1.50},"raws":[ 1 ,null,"x"],"members":{"a":[ 1],"b":null},"strings":["a","b"]}`,
	`{"pairs":[["K","V"],["K"],[],["a","b","c"],["d",null]],"maybeString":"","maybeBool":false,"maybeInt":0,"maybeStrings":[]}`,
	`{"inner":{"name":"a","nümber":1},"maybeInner":{},"inners":[{"name":"a"},null,{"nümber":2}],"nested":[[{"name":"a"}],[],null],"pointers":[null,{"name":"b"}]}`,
	`{"string":null,"bool":null,"int":null,"int64":null,"uint64":null,"bytes":null,"raw":null,"raws":null,"members":null,"strings":null,"pairs":null,"maybeString":null,"maybeInner":null,"inner":null,"inners":null}`,
	`{"strings":["a",null,"b"],"maybeStrings":["a",null]}`,
	`{"STRING":"a","Bool":true,"iNT":3,"INNER":{"NAME":"a","NÜMBER":3},"\u0069nt64":4,"ſtring":"long s"}`,
	`{"string":"a","String":"b"}`, `{"String":"b","string":"a"}`, `{"string":"a","string":"b"}`,
	`{"string":"a","string":null}`,
	`{"maybeInt":1,"maybeInt":null}`, `{"maybeInner":{"name":"a"},"maybeInner":{"nümber":1}}`,
	`{"inner":{"name":"a"},"Inner":{"nümber":1}}`,
	`{"inners":[{"name":"a"},{"name":"b"}],"inners":[{"nümber":1}]}`,
	`{"inners":[{"name":"a"}],"inners":[{"nümber":1},{}]}`,
	`{"pairs":[["a","b"]],"pairs":[[null,"c"]]}`, `{"members":{"a":1},"members":{"b":2,"a":null}}`,
	`{"strings":["a"],"strings":[]}`,
	`{"unknown":{"string":"x","deep":[[{}]]},"string":"a","x":[],"y":"\u2028"}`,
	"{\"string\":\"a\xffb\xc3\",\"members\":{\"\xff\":\"\xff\"}, \"x\xff\":1}",
	`{"string":"\ud800","strings":["\udc00\ud800A","\ud83d\ude00"]}`,
	`{"string":"\u003c\"\\\/\b\f\n\r\t"}`, ` { } `, `null`, ` null `, `{}`,
	`{"bytes":"AQI"}`, `{"bytes":"!"}`, `{"bytes":"AQ\nI="}`, `{"bytes":""}`, `{"bytes":7}`,
	`{"bytes":{}}`,
	`{"string":1}`, `{"string":true}`, `{"string":[]}`, `{"string":{}}`, `{"bool":"true"}`,
	`{"bool":0}`, `{"int":"1"}`, `{"int":1.5}`,
	`{"int":1e3}`, `{"int":9223372036854775808}`, `{"int":-0}`, `{"int64":1.0}`, `{"uint64":-1}`,
	`{"uint64":18446744073709551616}`,
	`{"int":9007199254740993}`, `{"maybeInt":"x"}`, `{"maybeString":[]}`, `{"maybeBool":{}}`,
	`{"maybeStrings":{}}`, `{"strings":"a"}`,
	`{"strings":["a",5]}`, `{"pairs":[["a",5]]}`, `{"pairs":["a"]}`, `{"pairs":{}}`, `{"members":[]}`,
	`{"members":"a"}`, `{"raws":{}}`,
	`{"inner":[]}`, `{"inner":{"name":5}}`, `{"maybeInner":5}`, `{"inners":[{"name":{}}]}`,
	`{"inners":[[]]}`, `{"nested":[[{"nümber":"x"}]]}`,
	`{"nested":[{}]}`, `{"pointers":[1]}`, `{"int":"a","string":5}`, `{"STRING":5}`, `[]`, `"x"`, `5`,
	`true`, `false`,
	`{"string":5,`, `{"string":5}}`, `{"string":5} x`, `{`, ``, ` `, `{"a"}`, `{"a":}`, `{"a":1,}`,
	`[1,]`, `{,}`, `{"a":01}`, `{"a":+1}`, `nul`,
	`{"string":"a`, "{\"string\":\"\x01\"}", `{"string":"\x"}`, `{5:1}`, "\ufeff{}",
	`{"inner":{"name":5}`, `{"raw":[}`, "{}\x00",
	strings.Repeat(`{"a":`, 9999) + "1" + strings.Repeat("}", 9999),
	strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000),
	strings.Repeat(`{"a":`, 10001) + "1" + strings.Repeat("}", 10001),
}

func TestDecodeIsWhatEncodingJSONDoes(t *testing.T) {
	for _, text := range decodeCases {
		t.Run(text[:min(len(text), 60)], func(t *testing.T) { compareDecode(t, []byte(text)) })
	}
}

func compareDecode(t *testing.T, data []byte) {
	t.Helper()
	var got, want sample
	gotErr, wantErr := Decode(data, got.fields()), json.Unmarshal(data, &want)
	if diff := cmp.Diff(message(wantErr), message(gotErr)); diff != "" {
		t.Fatalf("%q: error (-encoding/json +got)\n%s", data, diff)
	}
	if wantErr != nil {
		return // what was read before the error is of no use
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q (-encoding/json +got)\n%s", data, diff)
	}
}

func message(err error) string {
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return mistyped.Field + ": mistyped " + mistyped.Value
	}
	var ours *TypeError
	if errors.As(err, &ours) {
		return ours.Key + ": mistyped " + ours.Value
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// An array of numbers, which encoding/json takes for bytes, is refused, and what a longer list left
// behind is not read over by a list that is the third of its name.
func TestDecodeIsStricterThanEncodingJSON(t *testing.T) {
	var s sample
	if got, want := message(Decode([]byte(`{"bytes":[1,2]}`), s.fields())),
		"bytes: mistyped array"; got != want {
		t.Errorf("bytes: %q, want %q", got, want)
	}
	s = sample{}
	err := Decode([]byte(`{"inners":[{"name":"a"},{"name":"b"}],"inners":[{}],"inners":[{},{}]}`),
		s.fields())
	if diff := cmp.Diff([]inner{{Name: "a"}, {}}, s.Inners); diff != "" || err != nil {
		t.Errorf("error %v (-want +got)\n%s", err, diff)
	}
}

// FuzzDecode holds Decode against encoding/json, but for the two things that
// TestDecodeIsStricterThanEncodingJSON names.
func FuzzDecode(f *testing.F) {
	for _, text := range decodeCases {
		if len(text) < 1000 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lower := strings.ToLower(string(data))
		if strings.Contains(lower, "byte") && strings.Contains(lower, "[") || strings.Contains(lower,
			`\u`) || repeats(data) {
			data = nil
		}
		compareDecode(t, data)
	})
}

// repeats reports whether data may have a member three times.
func repeats(data []byte) bool {
	seen := map[string]int{}
	for _, part := range strings.Split(strings.ToLower(string(data)), `"`) {
		if seen[part]++; len(part) > 3 && seen[part] > 2 {
			return true
		}
	}
	return false
}

func BenchmarkDecode(b *testing.B) {
	text := []byte(decodeCases[0])
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var s sample
			if err := Decode(text, s.fields()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var s sample
			if err := json.Unmarshal(text, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
