package main

import (
	"bytes"
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/libcni/libcni/core"
)

const driftObject = `{"code":999,"msg":"bridge: link br0: expected up, found down","kind":"drift","containerId":"c1","ifName":"eth0","network":"web","plugin":{"type":"bridge","index":0,"builtin":true},"retryable":false,` +
	`"drift":[{"plugin":"bridge","object":"link br0","expected":"up","actual":"down"},{"plugin":"bridge","object":"address 10.1.0.1/24","expected":"present","actual":"missing"}]}`

func TestFailureAsText(t *testing.T) {
	for _, test := range []struct {
		name, line, object, want string
		code                     int
	}{
		{name: "drift is a table", line: "check web /n", object: driftObject, code: exitDrift,
			want: `cni: web: bridge: link br0: expected up, found down
  hint: restore the host's side with cni repair --id c1; what it cannot restore needs cni del and cni add
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
		{name: "what a plugin wrote does not begin a line", line: "add web /n", code: exitFailed,
			object: `{"code":11,"msg":"no\ncni: all is well","details":"a\n\tb\r\n","kind":"plugin-failed","network":"w\ncni: b","plugin":{"type":"x\ny"},"stderr":"cni: one\r\ncni: two"}`,
			want: "cni: w cni: b: x y: no cni: all is well\n  details: a  b\uFFFD \n" +
				"  plugin stderr: cni: one\uFFFD\n    cni: two\n"},
		{name: "a DEL that a plugin refuses names force", line: "del web /n", code: exitFailed,
			object: `{"code":123,"msg":"no","kind":"plugin-failed","command":"DEL","plugin":{"type":"x"}}`,
			want: "cni: x: no\n  hint: go on past the failing plugin, and forget the attachment, with: " +
				"cni del --force\n"},
		{name: "what is left is said", line: "add web /n", code: exitFailed,
			object: `{"code":999,"msg":"no","kind":"plugin-failed","containerId":"c1","retryable":false,"rolledBack":false}`,
			want: "cni: no\n  hint: the failed add left something behind; remove it with: cni del --id " +
				"c1\n"},
		{name: "what differs in the container needs a new attachment", line: "check --id c1",
			code: exitDrift, object: `{"code":999,"msg":"differs","kind":"drift","containerId":"c1","ifName":"eth0","drift":[` +
				`{"plugin":"bridge","object":"address 10.1.0.2/24 on eth0","expected":"present","actual":"missing"},` +
				`{"plugin":"host-local","object":"lease 10.1.0.2","expected":"present","actual":"missing"}]}`,
			want: `cni: differs
  hint: restore the attachment with cni del and cni add
  PLUGIN      OBJECT                       EXPECTED  ACTUAL
  bridge      address 10.1.0.2/24 on eth0  present   missing
  host-local  lease 10.1.0.2               present   missing
`},
		{name: "nothing is attached", line: "check --id c1", code: exitDrift,
			object: `{"code":3,"msg":"container c1 is not attached","kind":"drift","containerId":"c1","drift":[{"object":"attachment","expected":"attached","actual":"missing"}]}`,
			want: `cni: container c1 is not attached
  hint: attach the container with cni add
  PLUGIN  OBJECT      EXPECTED  ACTUAL
  -       attachment  attached  missing
`},
		{name: "a message is one line", line: "add web /n", code: exitFailed,
			object: `{"code":11,"msg":"one\ntwo","kind":"plugin-failed"}`, want: "cni: one two\n"},
		{name: "a value that the library refuses", line: "networks --builtins some", code: exitUsage,
			object: `{"code":4,"msg":"options.builtins: no","kind":"invalid-request"}`,
			want:   "cni: --builtins: no\n"},
		{name: "keys are flags", line: "add web /n", code: exitFailed,
			object: `{"code":999,"msg":"detach it first, or set options.onExisting to replace; \"options.owner\" is a value, /run/ifName a path","details":"options.pluginDirs[1]","kind":"exists","network":"web"}`,
			want: "cni: web: detach it first, or set --on-existing to replace; \"options.owner\" is a " +
				"value, /run/ifName a path\n  details: --plugin-dir\n"},
		{name: "the library's advice on a plugin names the flag", line: "check web /n", code: exitFailed,
			object: `{"code":123,"msg":"set force","details":"run DEL with force to go on","kind":"plugin-failed","plugin":{"type":"x"}}`,
			want:   "cni: x: set force\n  details: run cni del with --force to go on\n"},
		{name: "a value that a plugin refuses after others ran", line: "add web /n", code: exitFailed,
			object: `{"code":4,"msg":"args: no","kind":"invalid-request","plugin":{"type":"static","index":1},"rolledBack":true}`,
			want:   "cni: static: args: no\n"},
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

// repaired is an engine whose repair succeeds and whose check still fails.
type repaired struct{ *recorder }

func (r repaired) Call(ctx context.Context, caller core.Caller, method string,
	request []byte) (int, []byte) {
	rc, answer := r.recorder.Call(ctx, caller, method, request)
	if method != "check" {
		rc = 0
	}
	return rc, answer
}

func TestRepairTellsWhatItLeft(t *testing.T) {
	engine := func() repaired {
		r := attached("c1", "c2")
		r.rc = 999
		r.answers["repair"] = `{"repaired":[{"network":"web","containerId":"c1","ifName":"eth0","plugin":"bridge","object":"link br0"}]}`
		r.answers["check"] = driftObject
		return repaired{r}
	}
	for line, checks := range map[string]int{"repair --id c1": 1, "repair --all": 2,
		"repair --all --owner other": 0} {
		r := engine()
		code, out, errOut := runLine(r, nil, line)
		wanted := exitDrift
		if checks == 0 {
			wanted = exitDone
		}
		if code != wanted || out != "web\tc1\teth0\tbridge: link br0\n" ||
			strings.Count(errOut, "repair could not restore this") != checks ||
			strings.Count(strings.Join(r.requests, "\n"), "check {") != checks {
			t.Errorf("%s: status %d, output %q, standard error %q, requests %v", line, code, out, errOut,
				r.requests)
		}
	}
	r := attached("c1")
	r.answers["repair"], r.answers["check"] = `{"repaired":[]}`, `{}`
	if code, out, errOut := runLine(r, nil, "repair --all"); code != exitDone || out+errOut != "" {
		t.Errorf("nothing differs: status %d, %q, %q", code, out, errOut)
	}
}

// Every option and every key that a flag of the command sets has the name of that flag in messages.
func TestFlagNamesAreFlags(t *testing.T) {
	root := (&app{env: func(string) string { return "" }}).root()
	known := map[string]bool{}
	var collect func(*cobra.Command)
	collect = func(cmd *cobra.Command) {
		for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
		}
		for _, sub := range cmd.Commands() {
			collect(sub)
		}
	}
	collect(root)
	for key, flag := range flagNames {
		if !known[flag] {
			t.Errorf("%s: there is no flag %s", key, flag)
		}
	}
}

// fullDisk is an output that cannot be written.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestAnswerThatCannotBeWrittenSaysWhatStays(t *testing.T) {
	for line, want := range map[string]string{
		"add web /n --id c1":        "cni del --id c1",
		"add web /n --id c1 --json": "cni del --id c1",
		"netns create /n":           "cni netns delete /n",
		"netns create /n --json":    "cni netns delete /n",
		"volume mount p v --id c1":  "cni volume unmount p v --id c1",
	} {
		var errOut bytes.Buffer
		r := &recorder{answers: map[string]string{"netns.create": `{"path":"/n"}`,
			"volume.mount": `{"mountpoint":"/m"}`}}
		a := &app{engine: r, env: func(string) string { return "" }, in: strings.NewReader(""),
			out: fullDisk{}, err: &errOut}
		code := a.execute(t.Context(), append([]string{"cni"}, strings.Fields(line)...))
		if code != exitFailed || !strings.Contains(errOut.String(), "stays") ||
			!strings.Contains(errOut.String(), want) ||
			!strings.Contains(errOut.String(), "no space left on device") {
			t.Errorf("%s: status %d, %q", line, code, errOut.String())
		}
	}
}
