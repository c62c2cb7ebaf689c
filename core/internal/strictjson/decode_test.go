package strictjson

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

type shout string

func (s *shout) read(value jsontext.Value) error {
	switch string(value) {
	case `"plain"`:
		return errors.New("too quiet")
	case `"fault"`:
		return fault.InvalidRequest("shout.volume", "shout: volume is missing")
	}
	*s = shout(strings.ToUpper(strings.Trim(string(value), `"`)))
	return nil
}

type request struct {
	Network     jsontext.Value
	ContainerID string
	Netns       string
	Values      map[string]jsontext.Value
	Shout       shout
	Options     options
	Valid       *[]attachment
}

type options struct {
	ConfDir       string
	PluginDirs    []string
	TimeoutMs     *int64
	Rollback      *bool
	Count         int64
	Env           map[string]string
	IgnoreUnknown bool
	Deep          string
}

type attachment struct{ ContainerID string }

func (r *request) fields() jsonobject.Fields {
	return jsonobject.Fields{
		{"network", &r.Network}, {"containerId", &r.ContainerID}, {"netns", &r.Netns},
		{"values", &r.Values},
		{"shout", r.Shout.read}, {"options", r.Options.fields()},
		{"validAttachments", jsonobject.Optional(&r.Valid, func(list *[]attachment) any {
			return jsonobject.List(list, func(a *attachment) any {
				return jsonobject.Fields{{"containerId", &a.ContainerID}}
			})
		})},
	}
}

func (o *options) fields() jsonobject.Fields {
	return jsonobject.Fields{
		{"confDir", &o.ConfDir}, {"pluginDirs", &o.PluginDirs}, {"timeoutMs", &o.TimeoutMs},
		{"rollback", &o.Rollback},
		{"count", &o.Count}, {"env", &o.Env}, {"ignoreUnknown", &o.IgnoreUnknown},
		{"deep", jsonobject.Fields{{"deepest", &o.Deep}}},
	}
}

func decode(text string) (r request, err error) {
	err = new(Decoder).Decode([]byte(text), r.fields(), &r.Options.IgnoreUnknown)
	return r, err
}

func TestDecodeTakesWhatIsKnown(t *testing.T) {
	const text = ` {"network": { "b":18446744073709551615,  "a" : 1.0 }, "containerId":"c1", "x-mine":{"any":1}, "shout":"hey",
		"values":{"anything":[ 1 ]}, "options":{"timeoutMs":9007199254740993,"env":{"a":"b"},"x-too":1,"confDir":null},
		"validAttachments":[{"containerId":"c2","x-note":1}]} `
	got, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	timeout := int64(9007199254740993)
	want := request{Valid: &[]attachment{{ContainerID: "c2"}}}
	want.Network = jsontext.Value(`{ "b":18446744073709551615,  "a" : 1.0 }`)
	want.ContainerID, want.Shout = "c1", "HEY"
	want.Values = map[string]jsontext.Value{"anything": jsontext.Value("[ 1 ]")}
	want.Options = options{TimeoutMs: &timeout, Env: map[string]string{"a": "b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ name, text, key, want string }{
		{"nothing", "", "", "request: it is empty"},
		{"an array", "[]", "", "request: expected an object, got an array"},
		{"null", "null", "", "request: expected an object, got null"},
		{"no JSON", "{x}", "", "request: not valid JSON at line 1 column 2: "},
		{"a cut", `{"netns":"/run`, "", "request: not valid JSON: it ends too early"},
		{"text behind", `{} {}`, "", "request: not valid JSON: more text follows the value at line 1 " +
			"column 4"},
		{"a byte order mark", "\xef\xbb\xbf{}", "", "byte order mark"},
		{"invalid UTF-8", "{\"netns\":\"\xff\"}", "netns", "request: netns: not valid JSON at line 1 " +
			"column 11: invalid UTF-8"},
		{"a key twice", `{"netns":"a","netns":"a"}`, "netns", "request: netns: duplicate key"},
		{"a key twice in a raw value", `{"network":{"plugins":[{"a":1,"a":2}]}}`, "network.plugins[0].a",
			"duplicate key"},
		{"a key twice in an unknown value", `{"x-a":{"b":1,"b":1}}`, "x-a.b", "duplicate key"},

		{"a mistyped key", `{"containerid":"c"}`, "containerid", "containerid: unknown key; did you " +
			"mean containerId?"},
		{"a mistyped option", `{"options":{"timeoutMS":1}}`, "options.timeoutMS",
			"options.timeoutMS: unknown key; did you mean options.timeoutMs?"},
		{"swapped letters", `{"netsn":"c"}`, "netsn", "did you mean netns?"},
		{"an option outside options", `{"confDir":"c"}`, "confDir", "confDir: unknown key; did you " +
			"mean options.confDir?"},
		{"a key inside options", `{"options":{"netns":"c"}}`, "options.netns", "did you mean netns?"},
		{"a key like no other", `{"purple":1}`, "purple",
			`purple: unknown key; for a key of your own use the prefix "x-", or set options.ignoreUnknown`},
		{"a key of an element", `{"validAttachments":[{},{"containerID":"c"}]}`,
			"validAttachments[1].containerID", "did you mean containerId?"},
		{"a key two levels down", `{"options":{"deep":{"bottom":"d"}}}`, "options.deep.bottom",
			`for a key of your own use the prefix "x-"`},
		{"ignoreUnknown false", `{"options":{"ignoreUnknown":false},"purple":1}`, "purple",
			"unknown key"},

		{"string for number", `{"options":{"timeoutMs":"5"}}`, "options.timeoutMs",
			"options.timeoutMs: expected a number, got a string"},
		{"fraction", `{"options":{"timeoutMs":1.5}}`, "options.timeoutMs",
			"expected a whole number without fraction or exponent, got 1.5"},
		{"exponent", `{"options":{"count":1e3}}`, "options.count", "expected a whole number without " +
			"fraction or exponent, got 1e3"},
		{"too large", `{"options":{"count":9223372036854775808}}`, "options.count",
			"expected a whole number of 64 bits, got 9223372036854775808"},
		{"too small", `{"options":{"count":-9223372036854775809}}`, "options.count",
			"expected a whole number of 64 bits"},
		{"too large and a fraction", `{"options":{"count":9223372036854775808.5}}`, "options.count",
			"without fraction"},
		{"number for string", `{"netns":5}`, "netns", "netns: expected a string, got a number"},
		{"number for bool", `{"options":{"rollback":1}}`, "options.rollback",
			"expected true or false, got a number"},
		{"array for object", `{"options":[]}`, "options", "options: expected an object, got an array"},
		{"object for array", `{"options":{"pluginDirs":{}}}`, "options.pluginDirs",
			"expected an array, got an object"},
		{"element", `{"options":{"pluginDirs":["a",true]}}`, "options.pluginDirs[1]",
			"options.pluginDirs[1]: expected a string, got true"},
		{"map's value", `{"options":{"env":{"A":1}}}`, "options.env.A",
			"expected a string, got a number"},
		{"ignoreUnknown of a wrong type", `{"options":{"ignoreUnknown":"true"}}`, "options.ignoreUnknown",
			"expected true or false, got a string"},

		{"several: an unknown key before a wrong type", `{"netns":5,"purple":1,"yellow":2}`, "purple",
			"unknown key"},
		{"several: the first wrong type", `{"netns":5,"containerId":6}`, "netns", "expected a string"},
		{"several: the text before all", `{"netns":5,"purple":1,"netns":6}`, "netns",
			"duplicate key"},
		{"a field's function", `{"shout":"plain"}`, "shout", "shout: too quiet"},
		{"a field's function with a fault", `{"shout":"fault"}`, "shout.volume",
			"shout: volume is missing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := decode(test.text)
			var got *fault.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want a *fault.Error", err)
			}
			if got.Kind != fault.KindInvalidRequest || got.Details != test.key || !strings.Contains(got.Msg,
				test.want) {
				t.Errorf("got  %s, key %q: %s\nwant invalid-request, key %q: %s", got.Kind, got.Details,
					got.Msg, test.key, test.want)
			}
		})
	}
}

// A decoder is used again, also after a text that it gave up in the middle of.
func TestADecoderKeepsNothingOfATextForTheNext(t *testing.T) {
	var d Decoder
	for range 3 {
		for _, bad := range []string{`{"options":{"env":{"a":{"deep":[1`, `{"netns":1,"purple":1}`,
			`{"netns":"a","netns":"a"}`, `[]`} {
			var r request
			if err := d.Decode([]byte(bad), r.fields(), &r.Options.IgnoreUnknown); err == nil {
				t.Fatalf("took %s", bad)
			}
		}
		var got request
		if err := d.Decode([]byte(`{"netns":"n"}`), got.fields(),
			&got.Options.IgnoreUnknown); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(request{Netns: "n"}, got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	}
}

func TestDecodeRefusesSize(t *testing.T) {
	text := fmt.Sprintf(`{"x-big":%q}`, strings.Repeat("a", 16<<20))
	_, err := decode(text)
	if err == nil || !strings.Contains(err.Error(), "16 MiB are allowed") {
		t.Errorf("got %v", err)
	}
}

func TestIgnoreUnknownLetsUnknownKeysPass(t *testing.T) {
	const text = `{"purple":1,"netns":"n","options":{"colour":2,"ignoreUnknown":true},"validAttachments":[{"id":1}]}`
	got, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Netns != "n" || len(*got.Valid) != 1 {
		t.Errorf("got %+v", got)
	}
	_, err = decode(`{"netns":1,"options":{"ignoreUnknown":true}}`)
	if err == nil || !strings.Contains(err.Error(), "expected a string") {
		t.Errorf("a wrong type passed too: %v", err)
	}
}
