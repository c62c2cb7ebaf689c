package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core"
)

const (
	engineID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	otherID  = "0123456789abffff0123456789abcdef0123456789abcdef0123456789abcdef"
	toolsID  = "cnitool-df26705e2e4ffd095eb1"
)

// attached is an engine with attachments of these containers.
func attached(ids ...string) *recorder {
	list := []map[string]string{}
	for _, id := range ids {
		list = append(list, map[string]string{"network": "web", "containerId": id, "ifName": "eth0",
			"owner": "libcni", "state": "attached"})
	}
	text, err := json.Marshal(map[string]any{"asOf": "b 1", "attachments": list})
	if err != nil {
		panic(err)
	}
	return &recorder{answers: map[string]string{"attachments": string(text),
		"inspect": string(text), "del": `{"found":true}`}}
}

// A prefix of an id is enough. A verb that removes takes no prefix of an id that a person made.
func TestIDsMayBeShortened(t *testing.T) {
	for _, test := range []struct {
		verb, text, want string // want is the id of the request, or the error
	}{
		{"check --id", "0123456789abcdef", engineID},
		{"del --id", "0123456789abc", engineID},
		{"repair --id", "cnitool-df26", toolsID},
		{"del --id", "cnitool-df26", toolsID},
		{"check --id", "web-1", "web-1"},
		{"check --id", "web-2", "web-20"},
		{"del --id", "web-2", "web-2"},
		{"list --id", "web-2", "web-20"},
		{"inspect", "web-2", "web-20"},
		{"check --id", "none", "none"},
		{"check --id", "0123456789ab", "ambiguous: it is the beginning of " + engineID + ", " + otherID},
		{"del --id", "01", "ambiguous"},
		{"del --id", engineID, engineID},
	} {
		r := attached(engineID, otherID, toolsID, "web-1", "web-10", "web-20")
		_, _, errOut := runLine(r, nil, test.verb+" "+test.text)
		all := strings.Join(r.requests, "\n")
		if !strings.Contains(all, fmt.Sprintf(`"containerId":%q`, test.want)) &&
			!strings.Contains(errOut, test.want) {
			t.Errorf("%s %s: want %s; requests:\n%s\nstandard error %q", test.verb, test.text, test.want,
				all, errOut)
		}
	}
}

func TestTablesCutLongIDs(t *testing.T) {
	r := attached(engineID, toolsID, "web-1")
	for line, want := range map[string][]string{
		"list --no-headers":                    {"0123456789ab", "cnitool-df26705e2e4f", "web-1"},
		"list --no-headers --no-trunc":         {engineID, toolsID, "web-1"},
		"list -q":                              {engineID, toolsID, "web-1"},
		"list --format {{.Network}}{{.Owner}}": {"weblibcni", "weblibcni", "weblibcni"},
	} {
		code, out, errOut := runLine(r, nil, line)
		var got []string
		for _, row := range strings.Split(strings.TrimSpace(out), "\n") {
			if fields := strings.Fields(row); len(fields) > 1 {
				got = append(got, fields[1])
			} else {
				got = append(got, fields...)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || code != exitDone {
			t.Errorf("%s: status %d, %s (-want +got):\n%s", line, code, errOut, diff)
		}
	}
}

func TestDelOfNothingSaysSo(t *testing.T) {
	for _, test := range []struct {
		line, errOut string
		code         int
	}{
		{"del --id web-2", "cni: container web-2 was not attached; attached is web-20\n", exitDone},
		{"del --id web-2 --strict", "cni: container web-2 was not attached; attached is web-20\n",
			exitFailed},
		{"del --id nope --strict", "cni: container nope was not attached\n", exitFailed},
		{"del --id nope --strict --json", "cni: container nope was not attached\n", exitFailed},
	} {
		r := attached("web-20")
		r.answers["del"] = `{"found":false,"removed":[]}`
		code, _, errOut := runLine(r, nil, test.line)
		if code != test.code || errOut != test.errOut {
			t.Errorf("%s: status %d, standard error %q", test.line, code, errOut)
		}
	}
}

func TestGCNamesWhatItSpared(t *testing.T) {
	r := attached("c1", "c2", "c3")
	r.answers["gc"] = `{"removed":[{"network":"web","containerId":"c1","ifName":"eth0"}]}`
	const want = "cni: kept c3/eth0: younger than a minute, or newer than --as-of\n"
	for _, line := range []string{"gc web --keep c2/eth0", "gc web --keep c2/eth0 --dry-run"} {
		if code, _, errOut := runLine(r, nil, line); code != exitDone || errOut != want {
			t.Errorf("%s: status %d, standard error %q", line, code, errOut)
		}
	}
	silent := []string{"gc other --all", "gc web --all --owner other", "gc web --all --json"}
	for _, line := range silent {
		if code, _, errOut := runLine(r, nil, line); code != exitDone || errOut != "" {
			t.Errorf("%s: status %d, standard error %q", line, code, errOut)
		}
	}
}

func TestDelNamesWhatItLeft(t *testing.T) {
	const want = "cni: left eth0 of container c1 on network web: it is in another namespace, of " +
		"another owner, or in another cache directory\n"
	for line, status := range map[string]int{"del web /n --id c1": exitDone,
		"del web /n --id c1 --strict": exitFailed} {
		r := attached("c1")
		r.answers["del"] = `{"found":true,"removed":[],"left":[{"network":"web","containerId":"c1","ifName":"eth0"}]}`
		if code, _, errOut := runLine(r, nil, line); code != status || errOut != want {
			t.Errorf("%s: status %d, standard error %q", line, code, errOut)
		}
	}
}

// warning is an engine each of whose calls warns of a file.
type warning struct{ *recorder }

func (w warning) Call(ctx context.Context, caller core.Caller, method string,
	request []byte) (int, []byte) {
	caller.Log([]byte(`{"event":"warning","msg":"/c/results/web-c1-eth0: not JSON"}`))
	return w.recorder.Call(ctx, caller, method, request)
}

// A verb that asks several times passes a warning on once.
func TestWarningsAreNotRepeated(t *testing.T) {
	for _, line := range []string{"list --id c2", "inspect c2", "gc web --keep c2/eth0",
		"del --id c2"} {
		_, _, errOut := runLine(warning{attached("c2")}, nil, line)
		if want := "cni: warning: /c/results/web-c1-eth0: not JSON\n"; errOut != want {
			t.Errorf("%s: standard error %q", line, errOut)
		}
	}
}
