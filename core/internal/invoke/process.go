package invoke

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/plugin"
)

const (
	stdoutLimit = 8 << 20
	stderrLimit = 64 << 10

	// terminateGrace is how long a plugin may clean up after SIGTERM, killGrace how long the kernel may take to end it
	// after SIGKILL. Both come on top of the deadline.
	terminateGrace = 2 * time.Second
	killGrace      = 2 * time.Second

	// An executable that is being written to cannot be started (ETXTBSY). It is retried with pauses that double.
	firstPause = 5 * time.Millisecond
	longPause  = 200 * time.Millisecond
	busyLimit  = 6 * time.Second
)

// answer is what a plugin process left behind.
type answer struct {
	stdout []byte
	stderr string
	status spawn.Status
}

// runProcess runs an executable. stderr is returned also with an error.
func (r *Runner) runProcess(ctx context.Context, t Target, inv *plugin.Invocation) (result *plugin.Result, stderr string, err error) {
	got, err := r.exec(ctx, t, inv)
	if err != nil {
		return nil, got.stderr, err
	}
	result, err = judge(t, inv, got)
	if err == nil && inv.Command != plugin.Add && isErrorObject(got.stdout) {
		r.Events.Warn(t.Type, fmt.Sprintf("%s answered %s with exit status 0, which counts, and an error: %s",
			t, inv.Command, quote(got.stdout)))
	}
	return result, got.stderr, err
}

// exec starts the executable and follows it to its end. An error is about the process; what the plugin says, also with
// its exit status, is in the answer.
func (r *Runner) exec(ctx context.Context, t Target, inv *plugin.Invocation) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, expired(t, err)
	}
	stdin, err := spawn.Memfd("cni-request", inv.Config)
	if err != nil {
		return answer{}, fault.From(fmt.Errorf("%s: %w", t, err), fault.KindState)
	}
	defer stdin.Close()
	stdout, err := spawn.NewOutput(stdoutLimit, false)
	if err != nil {
		return answer{}, fault.From(fmt.Errorf("%s: %w", t, err), fault.KindState)
	}
	defer stdout.Close()
	stderr, err := spawn.NewOutput(stderrLimit, true)
	if err != nil {
		return answer{}, fault.From(fmt.Errorf("%s: %w", t, err), fault.KindState)
	}
	defer stderr.Close()

	process, err := r.start(ctx, t, spawn.Spec{
		Path: t.Path, Args: []string{t.Path}, Env: environment(r.Env, inv, r.PluginDirs),
		Stdin: stdin, Stdout: stdout.Writer(), Stderr: stderr.Writer(),
	})
	if err != nil {
		return answer{}, err
	}
	defer process.Close()
	stdout.CloseWriter()
	stderr.CloseWriter()

	status, err := process.Wait(ctx, stdout, stderr)
	if err != nil {
		err = stop(ctx, t, process, stderr, err)
	}
	return answer{stdout.Bytes(), text(stderr.Bytes()), status}, err
}

// start starts the process, again for a while if its executable is busy.
func (r *Runner) start(ctx context.Context, t Target, spec spawn.Spec) (*spawn.Process, error) {
	give := time.Now().Add(busyLimit)
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		started, err := r.Start(spec)
		if err == nil {
			return spawn.New(started), nil
		}
		if !errors.Is(err, syscall.ETXTBSY) || time.Now().After(give) {
			return nil, cannotStart(t, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			e := fault.From(ctx.Err(), fault.KindTimeout)
			e.Msg = fmt.Sprintf("%s could not be started, the file is being written to: %s", t, e.Msg)
			return nil, e
		}
	}
}

// cannotStart words the kernel's refusal to execute a file.
func cannotStart(t Target, err error) error {
	hint := "cannot be started"
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		hint = "is not a program this machine can run: a script needs a first line such as #!/bin/sh, a binary the right architecture"
	case errors.Is(err, syscall.ENOENT):
		hint = "cannot be started: it has gone, or the interpreter it names is missing"
	case errors.Is(err, syscall.EACCES):
		hint = "must not be executed by this user, or lies on a file system mounted noexec"
	case errors.Is(err, syscall.ETXTBSY):
		hint = "is being written to"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fault.New(fault.KindState, err, "%s cannot be started: no descriptors left", t)
	}
	e := fault.New(fault.KindPluginFailed, err, "%s %s", t, hint)
	e.Retryable = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ETXTBSY)
	return e
}

// stop ends a process that is out of time, or wrote too much, and says why.
func stop(ctx context.Context, t Target, process *spawn.Process, stderr *spawn.Output, why error) error {
	tooMuch := errors.Is(why, spawn.ErrTooMuch)
	ended := false
	if !tooMuch && ctx.Err() != nil {
		ended = end(process, syscall.SIGTERM, terminateGrace, stderr)
	}
	if !ended {
		ended = end(process, syscall.SIGKILL, killGrace, stderr)
	}
	then := "it was stopped"
	if !ended {
		then = fmt.Sprintf("it cannot be killed (process %d)", process.PID())
	}
	switch {
	case tooMuch:
		return fault.New(fault.KindPluginProtocol, why, "%s wrote more than %d MiB to its stdout; %s", t, stdoutLimit>>20, then)
	case errors.Is(why, context.DeadlineExceeded):
		return fault.New(fault.KindTimeout, why, "%s did not finish before the deadline; %s", t, then)
	case errors.Is(why, context.Canceled):
		return fault.New(fault.KindCancelled, why, "%s was running when the call was cancelled; %s", t, then)
	default:
		return fault.New(fault.KindState, why, "%s could not be followed; %s", t, then)
	}
}

// end signals the process' group and reports whether the process ended in time. What it says meanwhile on stderr is
// kept; its stdout no longer counts.
func end(process *spawn.Process, signal syscall.Signal, grace time.Duration, stderr *spawn.Output) bool {
	if err := process.Signal(signal); err != nil {
		return false
	}
	_, inTime := process.WaitFor(grace, stderr)
	return inTime
}

// text makes stderr fit for JSON.
func text(raw []byte) string { return strings.ToValidUTF8(string(raw), "\uFFFD") }
