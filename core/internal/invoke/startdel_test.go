package invoke

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// starter is a built-in whose DEL can be started ahead.
type starter struct {
	fake
	start func() plugin.StartedDel
}

func (s starter) StartDel(context.Context,
	*plugin.Invocation) plugin.StartedDel {
	return s.start()
}

type startedDel struct {
	finish    func() error
	abandoned *bool
}

func (d startedDel) Finish(context.Context) error { return d.finish() }
func (d startedDel) Abandon(context.Context)      { *d.abandoned = true }

func start(t *testing.T, events *[]event.Event, p plugin.Plugin) *StartedDel {
	t.Helper()
	r := runner(events)
	r.Catalog = catalog(map[string]plugin.Plugin{"memory": p})
	return r.StartDel(t.Context(), memory, invocation(plugin.Del))
}

func TestStartedDelReportsLikeRun(t *testing.T) {
	for _, test := range []struct {
		name   string
		finish func() error
		kind   fault.Kind
	}{
		{"success", func() error { return nil }, ""},
		{"error", func() error { return errors.New("no luck") }, fault.KindPluginFailed},
		{"panic", func() error { panic("no luck") }, fault.KindBug},
	} {
		t.Run(test.name, func(t *testing.T) {
			var events []event.Event
			d := start(t, &events, starter{start: func() plugin.StartedDel {
				return startedDel{finish: test.finish}
			}})
			if len(events) != 0 {
				t.Errorf("reported before it finished: %v", events)
			}
			err := d.Finish(t.Context())
			if test.kind == "" && err != nil || test.kind != "" && faultOf(t, err).Kind != test.kind {
				t.Errorf("got %v", err)
			}
			if len(events) != 1 || events[0].Command != plugin.Del || events[0].Plugin != "memory" {
				t.Errorf("events: %v", events)
			}
		})
	}
}

func TestStartedDelIsAbandoned(t *testing.T) {
	abandoned := false
	start(t, nil, starter{start: func() plugin.StartedDel {
		return startedDel{abandoned: &abandoned}
	}}).Abandon(t.Context())
	if !abandoned {
		t.Error("Abandon did not reach the plugin")
	}
}

func TestNothingIsStarted(t *testing.T) {
	for name, p := range map[string]plugin.Plugin{
		"another kind of plugin": fake{},
		"nothing to start":       starter{start: func() plugin.StartedDel { return nil }},
		"panic":                  starter{start: func() plugin.StartedDel { panic("no luck") }},
	} {
		if d := start(t, nil, p); d != nil {
			t.Errorf("%s: %v", name, d)
		}
	}
}

func TestTraits(t *testing.T) {
	r := runner(nil)
	r.Catalog = catalog(map[string]plugin.Plugin{"memory": fake{traits: plugin.Traits{Chained: true}}})
	for pluginType, want := range map[string]plugin.Traits{
		"memory":  {Chained: true},
		"tuning":  {Chained: true},
		"dhcp":    {IPAM: true, NeedsLink: true},
		"macvlan": {MakesInterface: true},
		"unknown": {MakesInterface: true},
	} {
		if got := r.Traits(pluginType); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", pluginType, got, want)
		}
	}
}
