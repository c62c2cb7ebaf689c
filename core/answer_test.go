package core

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
)

func TestAnswersAreWritten(t *testing.T) {
	tests := []struct {
		name   string
		answer any
		want   string
	}{
		{"no information", none{}, `{}`},
		{"empty lists", &DelAnswer{}, `{"found":false,"removed":[]}`},
		{"escapes", &DelAnswer{Found: true, Removed: []AttachmentName{{IfName: "\"<\u2028\x01\\"}}},
			`{"found":true,"removed":[{"network":"","containerId":"","ifName":"\"<` + "\u2028" +
				`\u0001\\"}]}`},
		{"an object within", &VolumeAnswer{Volume{Plugin: "p", Name: "v", Mountpoint: "/m"}},
			`{"volume":{"plugin":"p","name":"v","mountpoint":"/m"}}`},
		{"lists of objects", &PluginsAnswer{[]PluginInfo{{"bridge", true, "", []string{"1.0.0"}},
			{"x", false, "/x", nil}}, []FileError{{"f", "m"}}},
			`{"plugins":[{"type":"bridge","builtin":true,"supportedVersions":["1.0.0"]},` +
				`{"type":"x","builtin":false,"path":"/x","supportedVersions":[]}],"errors":[{"file":"f","msg":"m"}]}`},
		{"an attachment", &AttachmentsAnswer{"now", []Attachment{{
			Network: "web", ContainerID: "c1", IfName: "eth0", Owner: "o", Args: [][2]string{{"K", "V"}},
			State: "attached",
			CapabilityArgs: map[string]jsontext.Value{"b": jsontext.Value("1"),
				"a\"": jsontext.Value(" [ 1.50 ] ")},
			Result: jsontext.Value(" { \"sandbox\" : \"\\u003c\\/\" } "),
		}}, nil},
			`{"asOf":"now","attachments":[{"network":"web","containerId":"c1","ifName":"eth0","netns":"","owner":"o","args":[["K","V"]],` +
				`"capabilityArgs":{"a\"":[1.50],"b":1},"result":{"sandbox":"</"},"state":"attached"}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := encode(test.answer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRawValuesThatHoldNothingAreLeftOut(t *testing.T) {
	for raw, written := range map[string]bool{
		"null": false, "{}": false, " { } ": false, "[\n]": false, `""`: false, "": false,
		`" "`: true, "0": true, "false": true, `{"a":1}`: true, "[{}]": true,
	} {
		got, err := encode(&VolumeAnswer{Volume{Status: jsontext.Value(raw)}})
		if err != nil {
			t.Fatal(err)
		}
		want := `{"volume":{"plugin":"","name":""}}`
		if written {
			want = `{"volume":{"plugin":"","name":"","status":` + raw + `}}`
		}
		if string(got) != want {
			t.Errorf("%q: %s, want %s", raw, got, want)
		}
	}
}

func TestAnAnswerThatIsNotJSONIsRefused(t *testing.T) {
	for _, text := range []string{`{"a":1,"a":2}`, `{`, ``, `{} {}`} {
		if got, err := encode(jsontext.Value(text)); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, raw := range []string{`{"a":1,"a":2}`, `{`} {
		if got, err := encode(&VolumeAnswer{Volume{Status: jsontext.Value(raw)}}); err == nil {
			t.Errorf("%q became %q", raw, got)
		}
	}
}

func TestErrorsAreWritten(t *testing.T) {
	no := false
	tests := []struct {
		name  string
		fault fault.Error
		want  string
	}{
		{"the least", fault.Error{CNIVersion: "1.1.0", Code: 7, Msg: "m", Kind: "state"},
			`{"cniVersion":"1.1.0","code":7,"msg":"m","kind":"state","retryable":false}`},
		{"invalid UTF-8", fault.Error{Code: -1 << 63, Msg: "\xff<&>\u2028\x00",
			Stderr: "cut \xc3\xff here"},
			`{"cniVersion":"","code":-9223372036854775808,"msg":"` + "\ufffd<&>\u2028" +
				`\u0000","kind":"","stderr":"cut ` + "\ufffd\ufffd" + ` here","retryable":false}`},
		{"objects that are empty", fault.Error{VolumePlugin: &fault.VolumePlugin{},
			Plugin: &fault.Plugin{}, Drift: []fault.Drift{}},
			`{"cniVersion":"","code":0,"msg":"","kind":"","plugin":{"type":"","index":0,"builtin":false},"retryable":false}`},
		{"everything", fault.Error{
			CNIVersion: "1.1.0", Code: 999, Msg: "m", Details: "d", Kind: "drift", Errno: "EIO",
			Command: "ADD", Network: "web",
			ContainerID: "c1", IfName: "eth0", Plugin: &fault.Plugin{Type: "bridge", Index: 1,
				Builtin: true}, Volume: "v", Stderr: "s",
			Retryable: true, RolledBack: &no, Existing: &Attachment{State: "stale"},
			Drift:        []fault.Drift{{Object: "link"}, {Plugin: "p"}},
			VolumePlugin: &fault.VolumePlugin{Endpoint: "e", Status: 500},
		}, `{"cniVersion":"1.1.0","code":999,"msg":"m","details":"d","kind":"drift","errno":"EIO","command":"ADD","network":"web",` +
			`"containerId":"c1","ifName":"eth0","plugin":{"type":"bridge","index":1,"builtin":true},"volume":"v","stderr":"s",` +
			`"retryable":true,"rolledBack":false,"existing":{"network":"","containerId":"","ifName":"","netns":"","state":"stale"},` +
			`"drift":[{"plugin":"","object":"link","expected":"","actual":""},{"plugin":"p","object":"","expected":"","actual":""}],` +
			`"volumePlugin":{"endpoint":"e","status":500}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := encodeError(&test.fault)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
