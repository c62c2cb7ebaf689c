package jsonobject

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNormalizeKeepsValidTextAsWritten(t *testing.T) {
	const text = `{ "b" : 18446744073709551615, "a":[1.50, "\u00e9"] }`
	got, err := Normalize([]byte("\n "+text+"\t\n"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNormalizePutsRight(t *testing.T) {
	tests := []struct {
		name, text string
		lenient    Leniency
		want       string
	}{
		{"the last of two keys counts", `{"a":1,"b":2,"a":3}`, Duplicates, `{"a":3,"b":2}`},
		{"at any depth", `{"p":[{"x":{"k":1,"k":18446744073709551615}}]}`, Duplicates,
			`{"p":[{"x":{"k":18446744073709551615}}]}`},
		{"values replace whole", `{"a":{"x":1},"a":{"y":2}}`, Duplicates, `{"a":{"y":2}}`},
		{"escaped names are the same name", `{"a":1,"\u0061":2}`, Duplicates, `{"a":2}`},
		{"invalid UTF-8", "{\"a\":\"x\xffy\",\"b\":1e2}", InvalidUTF8, "{\"a\":\"x\ufffdy\",\"b\":1e2}"},
		{"half a surrogate pair", `{"a":"\ud800"}`, InvalidUTF8, "{\"a\":\"\ufffd\"}"},
		{"both", "{\"\xff\":1,\"\ufffd\":2}", Duplicates | InvalidUTF8, "{\"\ufffd\":2}"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Normalize([]byte(test.text), test.lenient)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !got.IsValid() {
				t.Errorf("%s is not valid", got)
			}
		})
	}
}

func TestNormalizeRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		lenient    Leniency
		want       Error
	}{
		{"nothing", " \n", Duplicates, Error{"", "it is empty"}},
		{"byte order mark", "\xef\xbb\xbf{}", Duplicates, Error{"", "begins with a byte order mark; " +
			"save it as UTF-8 without one"}},
		{"duplicate", `{"a":{"b":[{},{"c":1,"c":1}]}}`, 0, Error{"a.b[1].c", "duplicate key"}},
		{"trailing text", "{}\n{}", Duplicates, Error{"", "not valid JSON: more text follows the " +
			"value at line 2 column 1"}},
		{"cut short", `{"a":`, Duplicates, Error{"", "not valid JSON: it ends too early"}},
		{"cut short in a string", `{"a":"b`, 0, Error{"", "not valid JSON: it ends too early"}},
		{"wrong character", "{\n  \"a\": x}", Duplicates, Error{"a", "not valid JSON at line 2 column " +
			"8: invalid character 'x' at start of value"}},
		{"too deep to put right", strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 299) +
			`,"a":1}`, Duplicates, Error{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Normalize([]byte(test.text), test.lenient)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %s, error %v; want an *Error", got, err)
			}
			if test.want.Msg == "" {
				return
			}
			if diff := cmp.Diff(test.want, *e); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if _, err := Normalize(make([]byte, MaxSize+1), 0); err == nil || !strings.Contains(err.Error(),
		"16 MiB are allowed") {
		t.Errorf("too large: %v", err)
	}
}

func TestObjectGet(t *testing.T) {
	tests := []struct{ name, object, key, want string }{
		{"exact", `{"name":"a"}`, "name", `"a"`},
		{"other case", `{"NAME":"a"}`, "name", `"a"`},
		{"exact wins over a later one", `{"name":"a","Name":"b"}`, "name", `"a"`},
		{"last of several other cases", `{"NAME":"a","Name":"b"}`, "name", `"b"`},
		{"absent", `{"names":1}`, "name", ``},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			object, err := Parse([]byte(test.object))
			if err != nil {
				t.Fatal(err)
			}
			got, found := object.Get(test.key)
			if string(got) != test.want || found != (test.want != "") {
				t.Errorf("got %s, %v; want %s", got, found, test.want)
			}
		})
	}
}

func TestObjectAppendWritesWhatWasRead(t *testing.T) {
	object, err := Parse([]byte(` {"z" :1e400, "a": {"q":[ 1 ]} , "\u0061b":null}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `"z":1e400,"a":{"q":[ 1 ]},"ab":null`
	if diff := cmp.Diff(want, string(object.Append(nil))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParseAndElementsRefuseOtherKinds(t *testing.T) {
	if _, err := Parse([]byte(`[1]`)); err == nil ||
		err.Error() != "expected an object, got an array" {
		t.Errorf("Parse: %v", err)
	}
	if _, err := Elements([]byte(`"x"`)); err == nil ||
		err.Error() != "expected an array, got a string" {
		t.Errorf("Elements: %v", err)
	}
	if _, err := Parse([]byte(`{"a":1`)); err == nil {
		t.Error("Parse took an unfinished object")
	}
	if _, err := Elements([]byte(`[1,`)); err == nil {
		t.Error("Elements took an unfinished array")
	}
}
