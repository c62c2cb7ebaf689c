package invoke

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

var memory = Target{Type: "memory", Builtin: true}

func withBuiltin(events *[]event.Event, do func(context.Context,
	*plugin.Invocation) (*plugin.Result, error)) *Runner {
	r := runner(events)
	r.Catalog = catalog(map[string]plugin.Plugin{"memory": fake{do: do}})
	return r
}

func TestBuiltinRunsEachCommand(t *testing.T) {
	for _, command := range []string{plugin.Add, plugin.Del, plugin.Check, plugin.GC, plugin.Status} {
		var events []event.Event
		asked := ""
		r := withBuiltin(&events,
			func(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
				asked = inv.Command
				return answersEmpty(ctx, inv)
			})
		result, err := r.Run(t.Context(), memory, invocation(command))
		if err != nil || asked != command || (result != nil) != (command == plugin.Add) {
			t.Errorf("%s: asked %s, result %v, %v", command, asked, result, err)
		}
		yes := true
		want := []event.Event{{Event: "plugin", Command: command, Network: "net", ContainerID: "c1",
			IfName: "eth0", Plugin: "memory", Builtin: &yes}}
		if diff := cmp.Diff(want, events, cmpopts.IgnoreFields(event.Event{}, "DurationMs")); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", command, diff)
		}
	}
}

func TestBuiltinThatFails(t *testing.T) {
	inner := fault.New(fault.KindExists, nil, "there")
	inner.Plugin = &fault.Plugin{Type: "inner", Builtin: true}
	tests := []struct {
		name string
		do   func(context.Context, *plugin.Invocation) (*plugin.Result, error)
		want fault.Error
	}{
		{"plain error", failing(errors.New("no luck")),
			fault.Error{Kind: fault.KindPluginFailed, Code: 999, Msg: "no luck",
				Plugin: &fault.Plugin{Type: "memory", Builtin: true}}},
		{"error of the kernel", failing(syscall.EBUSY),
			fault.Error{Kind: fault.KindPluginFailed, Code: 999, Msg: "device or resource busy",
				Errno: "EBUSY", Plugin: &fault.Plugin{Type: "memory", Builtin: true}}},
		{"error that names its plugin", failing(inner),
			fault.Error{Kind: fault.KindExists, Code: 999, Msg: "there", Errno: "EEXIST",
				Plugin: &fault.Plugin{Type: "inner", Builtin: true}}},
		{"error of the plugin's own", failing(&plugin.Error{Code: 101, Msg: "no luck", Details: "today"}),
			fault.Error{Kind: fault.KindPluginFailed, Code: 101, Msg: "no luck", Details: "today",
				Plugin: &fault.Plugin{Type: "memory", Builtin: true}}},
		{"differences", failing(plugin.Differences{{Object: "link eth0", Expected: "up",
			Actual: "down"}}),
			fault.Error{Kind: fault.KindDrift, Code: 999, Msg: "memory: link eth0: expected up, found down",
				Plugin: &fault.Plugin{Type: "memory", Builtin: true},
				Drift: []fault.Drift{{Plugin: "memory", Object: "link eth0", Expected: "up",
					Actual: "down"}}}},
		{"deadline", failing(context.DeadlineExceeded),
			fault.Error{Kind: fault.KindTimeout, Code: 11,
				Msg: "the deadline of the call passed: context deadline exceeded", Errno: "ETIMEDOUT",
				Retryable: true,
				Plugin:    &fault.Plugin{Type: "memory", Builtin: true}}},
		{"no result", failing(nil),
			fault.Error{Kind: fault.KindBug, Code: 999,
				Msg: "built-in plugin memory answered ADD with no result", Errno: "EFAULT",
				Plugin: &fault.Plugin{Type: "memory", Builtin: true}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := withBuiltin(nil, test.do).Run(t.Context(), memory, invocation(plugin.Add))
			if diff := cmp.Diff(&test.want, faultOf(t, err),
				cmpopts.IgnoreUnexported(fault.Error{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func failing(err error) func(context.Context, *plugin.Invocation) (*plugin.Result, error) {
	return func(context.Context, *plugin.Invocation) (*plugin.Result, error) { return nil, err }
}

func TestPanicOfABuiltinIsAnError(t *testing.T) {
	r := withBuiltin(nil, func(context.Context, *plugin.Invocation) (*plugin.Result, error) {
		count := func(numbers map[string]int) { numbers["x"]++ }
		count(nil)
		return nil, nil
	})
	_, err := r.Run(t.Context(), memory, invocation(plugin.Del))
	e := faultOf(t, err)
	if e.Kind != fault.KindBug || !strings.Contains(e.Msg, "nil map") ||
		!strings.Contains(e.Details, "builtin_test.go") {
		t.Errorf("%s: %s\n%s", e.Kind, e.Msg, e.Details)
	}
}

func TestMissingBuiltin(t *testing.T) {
	_, err := runner(nil).Run(t.Context(), memory, invocation(plugin.Add))
	if e := faultOf(t, err); e.Kind != fault.KindPluginNotFound {
		t.Errorf("%s: %s", e.Kind, e.Msg)
	}
	_, err = withBuiltin(nil, answersEmpty).Run(t.Context(), memory, invocation("DANCE"))
	if e := faultOf(t, err); e.Kind != fault.KindUnsupported || !strings.Contains(e.Msg, `"DANCE"`) {
		t.Errorf("%s: %s", e.Kind, e.Msg)
	}
}

func TestDelegate(t *testing.T) {
	previous, err := plugin.ParseResult(
		[]byte(`{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}`), "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	install(t, dir, "process",
		"#!/bin/sh\nprintf '{\"cniVersion\":\"1.0.0\",\"command\":\"%s\",\"id\":\"%s\",\"stdin\":%s}' "+
			"$CNI_COMMAND $CNI_CONTAINERID \"$(cat)\"\n")
	var inner *plugin.Invocation
	outer := func(to string) func(ctx context.Context, inv *plugin.Invocation) (*plugin.Result,
		error) {
		return func(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
			return inv.Delegate(ctx, plugin.Add, to, []byte(`{"a":18446744073709551615,"name":"net" }`))
		}
	}
	r := runner(nil)
	r.PluginDirs = []string{dir}
	r.Catalog = catalog(map[string]plugin.Plugin{
		"to-process": fake{do: outer("process")}, "to-memory": fake{do: outer("memory")},
		"to-nothing": fake{do: outer("nothing")},
		"memory": fake{do: func(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
			inner = inv
			return answersEmpty(ctx, inv)
		}},
	})
	ask := func(name string) (*plugin.Result, error) {
		inv := invocation(plugin.Add)
		inv.PrevResult = previous
		return r.Run(t.Context(), Target{Type: name, Builtin: true}, inv)
	}

	result, err := ask("to-process")
	if err != nil {
		t.Fatal(err)
	}
	got, err := result.JSON("1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"cniVersion":"1.0.0","command":"ADD","id":"c1","stdin":{"a":18446744073709551615,"name":"net" ,"prevResult":{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("to a process (-want +got):\n%s", diff)
	}

	if _, err := ask("to-memory"); err != nil {
		t.Fatal(err)
	}
	if inner.Command != plugin.Add || inner.PrevResult != previous || inner.ContainerID != "c1" ||
		string(inner.Config) != `{"a":18446744073709551615,"name":"net" }` {
		t.Errorf("to a built-in: %+v, config %s", inner, inner.Config)
	}

	_, err = ask("to-nothing")
	if e := faultOf(t, err); e.Kind != fault.KindPluginNotFound || e.Plugin.Type != "nothing" {
		t.Errorf("to nothing: %s: %s, %+v", e.Kind, e.Msg, e.Plugin)
	}
}

func TestPrevResultOfADelegate(t *testing.T) {
	previous, err := plugin.ParseResult([]byte(`{"cniVersion":"1.0.0"}`), "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, version, command, config string
		previous                       *plugin.Result
		want                           string
	}{
		{"not for DEL of an old version", "0.3.1", plugin.Del, `{"a":1}`, previous, `{"a":1}`},
		{"for ADD of an old version", "0.3.1", plugin.Add, `{"a":1}`, previous,
			`{"a":1,"prevResult":{"cniVersion":"0.3.1"}}`},
		{"added", "", plugin.Check, `{"a":1}`, previous, `{"a":1,"prevResult":{"cniVersion":"1.0.0"}}`},
		{"added to nothing", "", plugin.Del, ` { } `, previous, `{ "prevResult":{"cniVersion":"1.0.0"}}`},
		{"there already", "", plugin.Del, `{"PrevResult":{}}`, previous, `{"PrevResult":{}}`},
		{"none", "", plugin.Del, `{"a":1}`, nil, `{"a":1}`},
		{"not for GC", "", plugin.GC, `{"a":1}`, previous, `{"a":1}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := invocation(test.command)
			inv.Config, inv.PrevResult = []byte(test.config), test.previous
			if test.version != "" {
				inv.CNIVersion = test.version
			}
			got, err := withPrevResult(inv)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A built-in may see the end of its context as any error of the kernel.
func TestErrorOfABuiltinWhoseContextEndedIsTheContexts(t *testing.T) {
	for _, command := range []string{plugin.Add, plugin.Del, plugin.Check, plugin.GC, plugin.Status} {
		ctx, cancel := context.WithCancel(t.Context())
		r := withBuiltin(nil, func(context.Context, *plugin.Invocation) (*plugin.Result, error) {
			cancel()
			return nil, fmt.Errorf("route to 198.51.100.1: %w", syscall.ENETUNREACH)
		})
		_, err := r.Run(ctx, memory, invocation(command))
		if e := faultOf(t, err); e.Kind != fault.KindCancelled || !strings.Contains(e.Msg, "198.51") {
			t.Errorf("%s: %s: %s", command, e.Kind, e.Msg)
		}
	}
}
