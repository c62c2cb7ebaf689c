package core

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
)

// allAnswers has one of each type.
func allAnswers() []appender {
	return []appender{
		none{}, &DelAnswer{}, &GCAnswer{}, &AttachmentsAnswer{}, &RepairAnswer{}, &NetworksAnswer{}, &PluginsAnswer{}, &PluginInfo{},
		&ValidateAnswer{}, &NetnsAnswer{}, &VolumeGetAnswer{}, &VolumeListAnswer{}, &VolumeCapabilitiesAnswer{}, &VolumePluginsAnswer{},
		&MountpointAnswer{},
	}
}

// Answers are written as their tags say, which are held against the public description.
func TestAnswersAreWrittenAsTheirTagsSay(t *testing.T) {
	for _, answer := range allAnswers() {
		compareAnswer(t, answer)
		if value := reflect.ValueOf(answer); value.Kind() == reflect.Pointer {
			fill(t, value.Elem())
			compareAnswer(t, answer)
		}
	}
	compareAnswer(t, &DelAnswer{Removed: []AttachmentName{{IfName: "\"<\u2028\x01\\"}}})
	compareAnswer(t, jsontext.Value(`{"cniVersion":"1.1.0","dns":{}}`))
	compareAnswer(t, jsontext.Value(" { \"sandbox\" : \"\\u003c\\/\",\n\"n\":1.50 } "))
	for _, raw := range []string{"null", "{}", " { } ", "[\n]", `""`, `" "`, "0", "false", `{"a" : "\u003c"}`, "[{}]"} {
		compareAnswer(t, &VolumeGetAnswer{Volume{Status: jsontext.Value(raw)}})
		compareAnswer(t, &AttachmentsAnswer{Attachments: []Attachment{{Config: jsontext.Value(raw), CapabilityArgs: map[string]jsontext.Value{
			"z": jsontext.Value(raw), "a\"": jsontext.Value(raw), "m": jsontext.Value("1")}}}})
	}
}

func compareAnswer(t *testing.T, answer any) {
	t.Helper()
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

func TestAnAnswerThatIsNoJSONIsRefused(t *testing.T) {
	for _, text := range []string{`{"a":1,"a":2}`, `{`, ``, `{} {}`} {
		if got, err := encode(jsontext.Value(text)); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, raw := range []string{`{"a":1,"a":2}`, `{`} {
		if got, err := encode(&VolumeGetAnswer{Volume{Status: jsontext.Value(raw)}}); err == nil {
			t.Errorf("%q became %q", raw, got)
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
		{Code: -1 << 63, Drift: []fault.Drift{{Object: "link"}, {Plugin: "bridge"}}, Existing: &fault.Attachment{Args: [][2]string{{"\xff", ""}}}},
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

// The tests of requests and answers know those of every verb.
func TestNoVerbIsLeftOut(t *testing.T) {
	known := map[reflect.Type]bool{reflect.TypeFor[jsontext.Value](): true}
	for _, answer := range allAnswers() {
		known[reflect.TypeOf(answer)] = true
	}
	for _, request := range allRequests() {
		known[reflect.TypeOf(request)] = true
	}
	engine, verbs := reflect.TypeFor[*Engine](), 0
	for i := range engine.NumMethod() {
		verb := engine.Method(i)
		if verb.Type.NumIn() != 4 || verb.Type.In(2) != reflect.TypeFor[Caller]() {
			continue
		}
		verbs++
		for _, missing := range []reflect.Type{verb.Type.In(3), verb.Type.Out(0)} {
			if !known[missing] {
				t.Errorf("%s: %s is in no list", verb.Name, missing)
			}
		}
	}
	if described := 1; verbs != len(methods)-described {
		t.Errorf("%d verbs, %d methods", verbs, len(methods))
	}
}
