package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const driftObject = `{"code":999,"msg":"bridge: link br0: expected up, found down","kind":"drift","network":"web","plugin":{"type":"bridge","index":0,"builtin":true},"retryable":false,` +
	`"drift":[{"plugin":"bridge","object":"link br0","expected":"up","actual":"down"},{"plugin":"bridge","object":"address 10.1.0.1/24","expected":"present","actual":"missing"}]}`

func TestFailureAsText(t *testing.T) {
	for _, test := range []struct {
		name, line, object, want string
		code                     int
	}{
		{name: "drift is a table", line: "check web /n", object: driftObject, code: exitDrift,
			want: `cni: web: bridge: link br0: expected up, found down
  hint: restore the attachment with cni del and cni add
  PLUGIN  OBJECT               EXPECTED  ACTUAL
  bridge  link br0             up        down
  bridge  address 10.1.0.1/24  present   missing
`},
		{name: "what a plugin wrote cannot drive the terminal", line: "add web /n", code: exitFailed,
			object: `{"code":11,"msg":"try again","details":"later","kind":"plugin-failed","network":"web","plugin":{"type":"x","index":1},"stderr":"one\n\u001b[2Jtwo\n","retryable":true,"rolledBack":true}`,
			want: `cni: web: x: try again
  details: later
  plugin stderr: one
    ` + "\uFFFD" + `[2Jtwo
`},
		{name: "what is left is said", line: "add web /n", code: exitFailed,
			object: `{"code":999,"msg":"no","kind":"plugin-failed","containerId":"c1","retryable":false,"rolledBack":false}`,
			want: "cni: no\n  hint: the failed add left something behind; remove it with: cni del --id " +
				"c1\n"},
		{name: "a network without room is not ready", line: "status web", code: exitNotReady,
			object: `{"code":50,"msg":"no address left","kind":"plugin-failed","command":"STATUS","retryable":false}`, want: "cni: no address left\n"},
		{name: "code 50 of an add is an error like others", line: "add web /n", code: exitFailed,
			object: `{"code":50,"msg":"no address left","kind":"plugin-failed","command":"ADD","retryable":false}`, want: "cni: no address left\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			verb, _, _ := strings.Cut(test.line, " ")
			r := &recorder{rc: 999, answers: map[string]string{verb: test.object}}
			code, out, errOut := runLine(r, nil, test.line)
			if code != test.code || out != "" {
				t.Errorf("exit status %d, want %d; output %q, want none", code, test.code, out)
			}
			if diff := cmp.Diff(test.want, errOut); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailureAsJSONIsTheErrorObject(t *testing.T) {
	r := &recorder{rc: 999, answers: map[string]string{"check": driftObject}}
	code, out, errOut := runLine(r, nil, "check web /n --json")
	if code != exitDrift || errOut != "" {
		t.Errorf("exit status %d, standard error %q", code, errOut)
	}
	if got := compact([]byte(out)); got != driftObject {
		t.Errorf("output %s, want %s", got, driftObject)
	}
}
