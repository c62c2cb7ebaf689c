package invoke

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/plugin"
)

// fake is a built-in: each command does what its function does, if it has one.
type fake struct {
	traits      plugin.Traits
	unsupported string
	do          func(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error)
}

func (f fake) Traits() plugin.Traits     { return f.traits }
func (f fake) Unsupported([]byte) string { return f.unsupported }
func (f fake) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	return f.do(ctx, inv)
}
func (f fake) Del(ctx context.Context, inv *plugin.Invocation) error    { return f.only(ctx, inv) }
func (f fake) Check(ctx context.Context, inv *plugin.Invocation) error  { return f.only(ctx, inv) }
func (f fake) GC(ctx context.Context, inv *plugin.Invocation) error     { return f.only(ctx, inv) }
func (f fake) Status(ctx context.Context, inv *plugin.Invocation) error { return f.only(ctx, inv) }
func (f fake) only(ctx context.Context, inv *plugin.Invocation) error {
	_, err := f.do(ctx, inv)
	return err
}

func answersEmpty(context.Context, *plugin.Invocation) (*plugin.Result, error) {
	return plugin.NewResult(&types100.Result{CNIVersion: "1.1.0"}), nil
}

func catalog(builtins map[string]plugin.Plugin) func(string) plugin.Plugin {
	return func(pluginType string) plugin.Plugin { return builtins[pluginType] }
}

// install writes an executable of that name into dir.
func install(t *testing.T, dir, name, content string) Target {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return Target{Type: name, Path: path}
}

// script is a plugin made of shell commands.
func script(t *testing.T, commands string) Target {
	t.Helper()
	return install(t, t.TempDir(), "fake", "#!/bin/sh\n"+commands+"\n")
}

func runner(events *[]event.Event) *Runner {
	r := &Runner{Mode: Prefer, Env: []string{"PATH=/usr/bin:/bin"}, Start: spawn.ForkExec}
	if events != nil {
		r.Events = func(e event.Event) { *events = append(*events, e) }
	}
	return r
}

func invocation(command string) *plugin.Invocation {
	return &plugin.Invocation{
		Command: command, Network: "net", ContainerID: "c1", IfName: "eth0", NetnsPath: "/run/netns/c1",
		Args: plugin.Args{{"A", "1"},
			{"B", "2"}}, CNIVersion: "1.0.0",
		Config: []byte(`{"cniVersion":"1.0.0","name":"net","type":"fake"}`),
	}
}

// faultOf fails the test unless err is the one error type that leaves this package.
func faultOf(t *testing.T, err error) *fault.Error {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T (%v), want *fault.Error", err, err)
	}
	return e
}
