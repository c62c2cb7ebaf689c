package invoke

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/plugin"
)

const (
	stdoutLimit = 8 << 20
	stderrLimit = 64 << 10

	// A plugin may clean up for terminateGrace after SIGTERM, and the kernel may take killGrace to end
	// it after SIGKILL. Both are in addition to the deadline.
	terminateGrace = 2 * time.Second
	killGrace      = 2 * time.Second

	// An executable that is open for writing cannot be started (ETXTBSY). It is retried with pauses
	// that double.
	firstPause = 5 * time.Millisecond
	longPause  = 200 * time.Millisecond
	busyLimit  = 6 * time.Second
)

// answer is what a plugin process wrote, and how it exited.
type answer struct {
	stdout []byte
	stderr string
	status spawn.Status
}

// runProcess runs an executable. stderr is returned with an error, too.
func (r *Runner) runProcess(ctx context.Context, t Target,
	inv *plugin.Invocation) (result *plugin.Result, stderr string, err error) {
	got, err := r.exec(ctx, t, inv)
	if err != nil {
		return nil, got.stderr, err
	}

	result, err = interpret(t, inv, got)
	if err == nil && inv.Command != plugin.Add && isErrorObject(got.stdout) {
		r.Events.Warn(t.Type, fmt.Sprintf(
			"%s exited with status 0 from %s, which counts, but printed an error: %s",
			t, inv.Command, quote(got.stdout)))
	}
	return result, got.stderr, err
}

// outputs are the pipes that a process writes to.
type outputs struct{ stdout, stderr *spawn.Output }

func newOutputs() (*outputs, error) {
	stdout, err := spawn.NewOutput(stdoutLimit, false)
	if err != nil {
		return nil, err
	}
	stderr, err := spawn.NewOutput(stderrLimit, true)
	if err != nil {
		stdout.Close()
		return nil, err
	}
	return &outputs{stdout, stderr}, nil
}

func (o *outputs) close() {
	o.stdout.Close()
	o.stderr.Close()
}

// exec starts the executable and waits until it exits. An error is about the process; what the
// plugin reports, its exit status included, is in the answer.
func (r *Runner) exec(ctx context.Context, t Target, inv *plugin.Invocation) (answer, error) {
	out, err := newOutputs()
	if err != nil {
		return answer{}, fault.Unstarted(fmt.Errorf("%s: %w", t, err))
	}
	defer out.close()
	process, err := r.launch(ctx, t, inv, out)
	if err != nil {
		return answer{}, fault.Unstarted(err)
	}
	defer process.Close()

	status, err := process.Wait(ctx, out.stdout, out.stderr)
	if err != nil {
		err = stop(ctx, t, process, out.stderr, err)
	}
	return answer{out.stdout.Bytes(), text(out.stderr.Bytes()), status}, err
}

// launch starts the executable with its request. After an error it has not run.
func (r *Runner) launch(ctx context.Context, t Target, inv *plugin.Invocation,
	out *outputs) (*spawn.Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, expired(t, err)
	}
	if err := refuseUntrusted(t); err != nil {
		return nil, err
	}
	stdin, err := spawn.Input("cni-request", inv.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	defer stdin.Close()

	process, err := r.start(ctx, t, spawn.Spec{
		Path: t.Path, Args: []string{t.Path}, Env: environment(r.Env, inv, r.PluginDirs),
		Stdin: stdin, Stdout: out.stdout.Writer(), Stderr: out.stderr.Writer(),
	})
	if err != nil {
		return nil, err
	}
	out.stdout.CloseWriter()
	out.stderr.CloseWriter()
	return process, nil
}

// refuseUntrusted refuses an executable that every user can change, or put in its place.
func refuseUntrusted(t Target) error {
	for _, path := range []string{t.Path, filepath.Dir(t.Path)} {
		err := file.CheckTrusted(path)
		var untrusted *file.UntrustedError
		if errors.As(err, &untrusted) {
			e := fault.New(fault.KindState, err, "%s is not safe to run", t)
			e.Plugin = &fault.Plugin{Type: t.Type}
			return e
		}
	}
	return nil // starting it reports what else is wrong
}

// start starts the process. While its executable is open for writing, it retries for a limited
// time.
func (r *Runner) start(ctx context.Context, t Target, spec spawn.Spec) (*spawn.Process, error) {
	deadline := time.Now().Add(busyLimit)
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		started, err := r.Start(spec)
		if err == nil {
			return spawn.New(started), nil
		}
		if !errors.Is(err, syscall.ETXTBSY) || time.Now().After(deadline) {
			return nil, cannotStart(t, err)
		}

		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			e := fault.From(ctx.Err(), fault.KindTimeout)
			e.Msg = fmt.Sprintf("%s was not started because its file is open for writing: %s", t, e.Msg)
			return nil, e
		}
	}
}

// cannotStart explains the kernel's refusal to execute a file.
func cannotStart(t Target, err error) error {
	reason := "cannot be started"
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		reason = "is not a program that this machine can run: a script needs a first line such as " +
			"#!/bin/sh, a binary must have the right architecture"
	case errors.Is(err, syscall.ENOENT):
		reason = "cannot be started: the file, or the interpreter it names, does not exist"
	case errors.Is(err, syscall.EACCES):
		reason = "cannot be executed by this user, or is on a file system mounted with noexec"
	case errors.Is(err, syscall.E2BIG):
		reason = "cannot be started: its arguments (CNI_ARGS) and the environment are too large; " +
			"shorten args or options.env, or set options.inheritEnv to false"
	case errors.Is(err, syscall.ELIBBAD):
		reason = "is not a program that this machine can run: its ELF interpreter is damaged"
	case errors.Is(err, syscall.ETXTBSY):
		reason = "is open for writing"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fault.New(fault.KindState, err, "%s cannot be started: no file descriptors left", t)
	}

	e := fault.New(fault.KindPluginFailed, err, "%s %s", t, reason)
	e.Retryable = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOMEM) ||
		errors.Is(err, syscall.ETXTBSY)
	return e
}

// stop ends a process that ran out of time or wrote too much, and returns the error that explains
// it.
func stop(ctx context.Context, t Target, process *spawn.Process, stderr *spawn.Output,
	cause error) error {
	tooMuch := errors.Is(cause, spawn.ErrTooMuch)
	ended := false
	if !tooMuch && ctx.Err() != nil {
		ended = end(process, syscall.SIGTERM, terminateGrace, stderr)
	}
	if !ended {
		ended = end(process, syscall.SIGKILL, killGrace, stderr)
	}

	outcome := "it was stopped"
	if !ended {
		outcome = fmt.Sprintf("it cannot be killed (process %d)", process.PID())
	}

	switch {
	case tooMuch:
		return fault.New(fault.KindPluginProtocol, cause, "%s wrote more than %d MiB to its stdout; %s",
			t, stdoutLimit>>20, outcome)
	case errors.Is(cause, context.DeadlineExceeded):
		return fault.New(fault.KindTimeout, cause, "%s did not finish before the deadline; %s", t,
			outcome)
	case errors.Is(cause, context.Canceled):
		return fault.New(fault.KindCancelled, cause, "%s was running when the call was cancelled; %s", t,
			outcome)
	default:
		return fault.New(fault.KindState, cause, "%s could not be monitored; %s", t, outcome)
	}
}

// end signals the process group and reports whether the process exited in time. What it writes to
// stderr in the meantime is kept; its stdout no longer counts.
func end(process *spawn.Process, signal syscall.Signal, grace time.Duration,
	stderr *spawn.Output) bool {
	if err := process.Signal(signal); err != nil {
		return false
	}
	_, inTime := process.WaitFor(grace, stderr)
	return inTime
}

// text makes stderr valid for JSON.
func text(raw []byte) string { return strings.ToValidUTF8(string(raw), "\uFFFD") }
