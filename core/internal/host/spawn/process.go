package spawn

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Process is a started process. Not safe for concurrent use.
type Process struct {
	started Started
	status  *Status // once it has ended
}

// New takes over what a Starter made.
func New(started Started) *Process { return &Process{started: started} }

// PID is the process' id, and that of its group.
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
	const toGroup = 1 << 2 // PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9: no pid that could be someone else's by now
	err := unix.PidfdSendSignal(int(p.started.Pidfd.Fd()), signal, nil, toGroup)
	if errors.Is(err, unix.EINVAL) {
		err = unix.Kill(-p.started.PID, signal)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.started.PID, err)
	}
	return nil
}

// Wait collects the outputs until the process has ended, and says how. It does not wait for the end of an output, which
// a process left behind may hold: what is in the pipes when the process ends is taken, and no more.
//
// The error is ctx's when it ends first, or ErrTooMuch; the process then still runs, and Wait can be called again.
func (p *Process) Wait(ctx context.Context, outputs ...*Output) (Status, error) {
	if p.status != nil {
		return *p.status, nil
	}
	wake, err := newWaker(ctx)
	if err != nil {
		return Status{}, err
	}
	defer wake.close()
	for {
		ended, cancelled, err := p.poll(wake, outputs)
		if err != nil {
			return Status{}, err
		}
		for _, output := range outputs {
			if err := output.pump(); err != nil && !ended {
				return Status{}, err
			} else if err != nil {
				return p.end(), err
			}
		}
		switch {
		case ended:
			return p.end(), nil
		case cancelled:
			return Status{}, ctx.Err()
		}
	}
}

// poll blocks until the process has ended, ctx has, or there is output.
func (p *Process) poll(wake *waker, outputs []*Output) (ended, cancelled bool, err error) {
	fds := []unix.PollFd{
		{Fd: int32(p.started.Pidfd.Fd()), Events: unix.POLLIN},
		{Fd: int32(wake.fd), Events: unix.POLLIN}, // poll skips negative descriptors
	}
	for _, output := range outputs {
		fds = append(fds, unix.PollFd{Fd: int32(output.reader), Events: unix.POLLIN})
	}
	for {
		_, err := unix.Poll(fds, -1)
		if err == nil {
			return fds[0].Revents != 0, fds[1].Revents != 0, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return false, false, fmt.Errorf("wait for process %d: %w", p.started.PID, err)
		}
	}
}

func (p *Process) end() Status {
	status := p.started.reap()
	p.status = &status
	return status
}
