package core

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"libcni/core/internal/fault"
)

// What writes itself is written as its tags, which are held against the public description, say.
func TestAnswersAreWrittenAsTheirTagsSay(t *testing.T) {
	full := &DelAnswer{}
	fill(t, reflect.ValueOf(full).Elem())
	for _, answer := range []any{
		none{}, &DelAnswer{}, full, &DelAnswer{Removed: []AttachmentName{{IfName: "\"<\u2028\x01\\"}}},
		jsontext.Value(`{"cniVersion":"1.1.0","dns":{}}`), jsontext.Value(" { \"sandbox\" : \"\\u003c\\/\",\n\"n\":1.50 } "),
	} {
		want, err := json.Marshal(answer, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		got, err := encode(answer)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%T (-tags +written)\n%s", answer, diff)
		}
	}
}

func TestAnAnswerThatIsNoJSONIsRefused(t *testing.T) {
	for _, text := range []string{`{"a":1,"a":2}`, `{`, ``, `{} {}`} {
		if got, err := encode(jsontext.Value(text)); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestErrorsAreWrittenAsTheirTagsSay(t *testing.T) {
	full, no := &fault.Error{}, false
	fill(t, reflect.ValueOf(full).Elem())
	for _, e := range []*fault.Error{
		{}, full, fault.InvalidRequest("netns", "netns is %q", "<&>\u2028\x00"),
		{Stderr: "cut \xc3\xff\xfe\xed\xa0\x80 here", Msg: "\xff"}, {VolumePlugin: &fault.VolumePlugin{}},
		{VolumePlugin: &fault.VolumePlugin{Status: 500}}, {Plugin: &fault.Plugin{}, RolledBack: &no, Drift: []fault.Drift{}},
		{Code: -1 << 63, Drift: []fault.Drift{{Object: "link"}, {Plugin: "bridge"}}, Existing: &Attachment{Args: Args{{"\xff", ""}}}},
	} {
		want, err := json.Marshal(e, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		got, err := encodeError(e)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("(-tags +written)\n%s", diff)
		}
	}
}
