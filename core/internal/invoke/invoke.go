// Package invoke runs plugins: it chooses between the built-in and the executable, asks either the
// same way, and turns whatever comes back into a result or an error that says what happened.
package invoke

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/plugin"
)

// Builtins says which implementation is taken when a plugin is both built in and installed as an
// executable.
type Builtins string

// The modes. See "options.builtins" in cni.h.
const (
	Prefer   Builtins = "prefer"   // the built-in if there is one, else the executable
	Fallback Builtins = "fallback" // the executable if there is one, else the built-in
	Only     Builtins = "only"     // built-ins
	Never    Builtins = "never"    // executables
)

// Runner runs plugins for one request, on the goroutine of that request.
type Runner struct {
	Mode       Builtins
	Catalog    func(pluginType string) plugin.Plugin // nil for a type that is not built in
	Types      func() []string                       // that Catalog knows, for List
	PluginDirs []string
	Env        []string // base environment of plugin processes; CNI's own variables in it are replaced
	Start      spawn.Starter
	Events     event.Sink
}

// Target is the implementation of a plugin: built in, or the executable at Path.
type Target struct {
	Type    string
	Builtin bool
	Path    string
}

// String is for messages.
func (t Target) String() string {
	if t.Builtin {
		return fmt.Sprintf("built-in plugin %s", t.Type)
	}
	return fmt.Sprintf("plugin %s (%s)", t.Type, t.Path)
}

// Run sends the request inv to a plugin. It sets the functions in inv that the plugin may call. The
// result is nil for all commands but ADD. An error is a *fault.Error that names the plugin and
// holds what the plugin wrote to its stderr.
func (r *Runner) Run(ctx context.Context, t Target,
	inv *plugin.Invocation) (*plugin.Result, error) {
	r.equip(t, inv)
	return r.observe(t, inv, func() (*plugin.Result, string, error) {
		if t.Builtin {
			result, err := r.runBuiltin(ctx, t, inv)
			return result, "", err
		}
		return r.runProcess(ctx, t, inv)
	})
}

// Validate has a built-in read the configuration in a request, which keeps what was read for the
// ADD. The caller's log has no event of it.
func (r *Runner) Validate(ctx context.Context, t Target, inv *plugin.Invocation) error {
	r.equip(t, inv)
	_, err := r.runBuiltin(ctx, t, inv)
	if e := describe(err, t, ""); e != nil {
		return e
	}
	return nil
}

// equip sets what a plugin may call.
func (r *Runner) equip(t Target, inv *plugin.Invocation) {
	inv.Delegate, inv.TraitsOf, inv.Warnings = r.delegate(inv), r.Traits, nil
	if r.Events != nil {
		inv.Warnings = func(msg string) { r.Events.Warn(t.Type, msg) }
	}
}

// observe runs a plugin, completes its error and reports the run to the caller's log.
func (r *Runner) observe(t Target, inv *plugin.Invocation,
	run func() (result *plugin.Result, stderr string, err error)) (*plugin.Result, error) {
	started := time.Now()
	result, stderr, err := run()
	e := describe(err, t, stderr)
	r.report(t, inv, e, stderr, time.Since(started))
	if e != nil {
		return nil, e
	}
	return result, nil
}

// textLimit is the number of bytes of a plugin's message and details that an error has at most.
const textLimit = 16 << 10

// describe completes an error with what this package knows about its origin.
func describe(err error, t Target, stderr string) *fault.Error {
	if err == nil {
		return nil
	}
	e := fault.From(busy(inState(fromContract(err, t))), fault.KindPluginFailed)
	if e.Plugin == nil {
		e.Plugin = &fault.Plugin{Type: t.Type, Builtin: t.Builtin}
	}
	if e.Stderr == "" {
		e.Stderr = stderr
	}
	e.Msg, e.Details = fault.Limit(e.Msg, textLimit), fault.Limit(e.Details, textLimit)
	return e
}

// fromContract converts the error types of the plugin contract.
func fromContract(err error, t Target) error {
	var own *plugin.Error
	var differences plugin.Differences
	switch {
	case errors.As(err, &own):
		e := fault.New(fault.KindPluginFailed, nil, "%s", err)
		e.Code, e.Details = int64(own.Code), own.Details
		return e
	case errors.As(err, &differences):
		var found []fault.Drift
		for _, d := range differences {
			found = append(found, fault.Drift{Plugin: t.Type, Object: d.Object, Expected: d.Expected,
				Actual: d.Actual})
		}

		return fault.NewDrift(found)
	default:
		return err
	}
}

// inState returns the error for a built-in that failed to open one of its lock files in stateDir.
// That the same lock is missed by the undo does not change it.
func inState(err error) error {
	var known *fault.Error
	var file *lockfile.FileError
	if errors.As(err, &known) || !errors.As(err, &file) {
		return err
	}
	return fault.New(fault.KindState, err,
		"options.stateDir must be a directory that can be read and written")
}

// busy returns the error for a built-in whose lock another process held until the deadline.
func busy(err error) error {
	var known *fault.Error
	var held *lockfile.BusyError
	if errors.As(err, &known) || !errors.As(err, &held) || errors.Is(err, context.Canceled) {
		return err
	}
	e := fault.New(fault.KindBusy, err, "")
	e.Msg = err.Error()
	return e
}

func (r *Runner) report(t Target, inv *plugin.Invocation, e *fault.Error, stderr string,
	took time.Duration) {
	ran := event.Event{
		Command: inv.Command, Network: inv.Network, ContainerID: inv.ContainerID, IfName: inv.IfName,
		Plugin: t.Type, Builtin: &t.Builtin, Stderr: stderr,
	}
	if e != nil {
		ran.Msg, ran.Code = e.Msg, int(e.Code)
	}
	r.Events.Ran(ran, took)
}
