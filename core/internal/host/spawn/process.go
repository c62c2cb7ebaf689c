package spawn

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/wake"
)

// Process is a started process. Not safe for concurrent use.
type Process struct {
	started Started
	status  *Status // once it has ended
}

// New returns the process that a Starter has made, and takes over its files.
func New(started Started) *Process { return &Process{started: started} }

// PID returns the id of the process, which is also that of its group.
func (p *Process) PID() int { return p.started.PID }

// Close closes the descriptors. It neither ends the process nor waits for it.
func (p *Process) Close() {
	p.started.Pidfd.Close()
	if p.started.Status != nil {
		p.started.Status.Close()
	}
}

// Signal sends a signal to the process and its group, unless the process has been reaped.
func (p *Process) Signal(signal syscall.Signal) error {
	if p.status != nil {
		return nil
	}
	// PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9. Unlike a pid, the pidfd cannot mean another process.
	const toGroup = 1 << 2
	err := unix.PidfdSendSignal(int(p.started.Pidfd.Fd()), signal, nil, toGroup)
	if errors.Is(err, unix.EINVAL) {
		err = unix.Kill(-p.started.PID, signal)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.started.PID, err)
	}
	return nil
}

// Wait collects the outputs until the process has ended, and returns how it ended. It does not wait
// for the end of an output, which a child of the process may hold open: it takes what is in the
// pipes when the process ends, and no more.
//
// The error is the context's if that ends first, or ErrTooMuch. The process then still runs, and
// Wait can be called again.
func (p *Process) Wait(ctx context.Context, outputs ...*Output) (Status, error) {
	if p.status != nil {
		return *p.status, nil
	}
	waker, err := wake.New(ctx)
	if err != nil {
		return Status{}, err
	}
	defer waker.Close()
	for {
		what, err := p.step(waker.Fd(), forever, outputs)
		switch {
		case what == ended:
			return p.end(), err
		case err != nil:
			return Status{}, err
		case what == woken:
			return Status{}, ctx.Err()
		}
	}
}

// WaitFor is Wait for a bounded time. It needs no descriptor, so that a process can be ended when
// the limit of descriptors is reached.
func (p *Process) WaitFor(limit time.Duration, outputs ...*Output) (status Status, inTime bool) {
	for end := time.Now().Add(limit); p.status == nil; {
		left := max(0, time.Until(end))
		what, err := p.step(-1, left, outputs)
		switch {
		case what == ended:
			return p.end(), true
		case err != nil || left == 0:
			return Status{}, false
		}
	}
	return *p.status, true
}

type event int

const (
	output event = iota // or time has passed
	woken
	ended
)

const forever = -time.Millisecond

// step blocks until the process has ended, wake is readable, output has arrived, or time has
// passed. It takes the output. The error may be that of an output of a process that has ended.
func (p *Process) step(wake int, limit time.Duration, outputs []*Output) (event, error) {
	fds := []unix.PollFd{
		{Fd: int32(p.started.Pidfd.Fd()), Events: unix.POLLIN},
		{Fd: int32(wake), Events: unix.POLLIN}, // poll skips negative descriptors
	}
	for _, o := range outputs {
		fds = append(fds, unix.PollFd{Fd: int32(o.reader), Events: unix.POLLIN})
	}
	if _, err := unix.Poll(fds, int(limit.Milliseconds())); errors.Is(err, unix.EINTR) {
		return output, nil
	} else if err != nil {
		return output, fmt.Errorf("wait for process %d: %w", p.started.PID, err)
	}
	var failed error
	for _, o := range outputs {
		failed = errors.Join(failed, o.pump())
	}
	switch {
	case fds[0].Revents != 0:
		return ended, failed
	case fds[1].Revents != 0:
		return woken, failed
	default:
		return output, failed
	}
}

func (p *Process) end() Status {
	status := p.started.reap()
	p.status = &status
	return status
}
