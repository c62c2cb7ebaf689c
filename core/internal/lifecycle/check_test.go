package lifecycle

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// Only an executable reports drift by an error of its own. A plugin that could not look has found
// nothing.
func TestCheckTellsDriftFromFailure(t *testing.T) {
	differences := plugin.Differences{{Object: "link eth0", Expected: "up", Actual: "down"}}
	for _, test := range []struct {
		name   string
		answer error  // of the built-in
		script string // or of an executable
		drift  bool
	}{
		{"a built-in finds a difference", differences, "", true},
		{"a built-in cannot look", errors.New("no"), "", false},
		{"a built-in fails with a code", &plugin.Error{Code: 101, Msg: "no"}, "", false},
		{"an executable reports an error", nil, `#!/bin/sh
echo '{"code":7,"msg":"no"}'; exit 1`, true},
		{"an executable cannot be started", nil, "#!/nonexistent", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.answer["a.CHECK"] = func(context.Context) error { return test.answer }
			entry := r.entry(netnstest.New(t))
			if test.script != "" {
				path := filepath.Join(t.TempDir(), "a")
				kittest.Must(t, os.WriteFile(path, []byte(test.script), 0o755))
				entry.Plugins = []attachments.Ran{{Type: "a", Path: path}}
				r.Runner.Start = spawn.ForkExec
			}
			var findings Findings
			err := r.Check(t.Context(), entry, &Overrides{Netns: Candidate{Path: entry.Netns}}, &findings)
			if found := findings.Verdict() != nil; found != test.drift || (err == nil) != test.drift {
				t.Errorf("verdict %v, error %v; want drift: %v", findings.Verdict(), err, test.drift)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	drift := fault.Drift{Plugin: "a", Object: "link eth0", Expected: "up", Actual: "down"}
	executable := fault.New(fault.KindPluginFailed, nil, "not as it was")
	executable.Code, executable.Plugin = 123, &fault.Plugin{Type: "b"}
	for _, test := range []struct {
		name     string
		findings Findings
		code     int64 // 0 for no error
		msg      string
	}{
		{"no drift", Findings{}, 0, ""},
		{"drift of no plugin", Findings{drift: []fault.Drift{drift}}, fault.CodeInternal,
			"a: link eth0: expected up, found down"},
		{"one executable", Findings{drift: []fault.Drift{drift}, first: executable}, 123,
			"not as it was"},
		{"more than the executable", Findings{drift: []fault.Drift{drift, drift, drift},
			first: executable}, 123, "not as it was (and 2 more)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.findings.Verdict()
			if test.code == 0 {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			e := fault.From(err, fault.KindState)
			if e == nil || e.Kind != fault.KindDrift || e.Code != test.code || e.Msg != test.msg ||
				len(e.Drift) != len(test.findings.drift) {
				t.Errorf("error %+v", e)
			}
		})
	}
	if executable.Kind != fault.KindPluginFailed || executable.Drift != nil {
		t.Errorf("the plugin's error was changed: %+v", executable)
	}
}
