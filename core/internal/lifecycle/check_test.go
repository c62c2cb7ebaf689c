package lifecycle

import (
	"testing"

	"github.com/libcni/libcni/core/internal/fault"
)

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
