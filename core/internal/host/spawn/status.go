package spawn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// Status is how a process ended.
type Status struct {
	Known bool // false: another part of the process reaped it, and the kernel does not keep it
	Wait  syscall.WaitStatus
}

// Success reports an exit with status 0.
func (s Status) Success() bool { return s.Known && s.Wait.Exited() && s.Wait.ExitStatus() == 0 }

// String is for messages: "exit status 1", "killed by SIGSEGV".
func (s Status) String() string {
	switch {
	case !s.Known:
		return "unknown status"
	case s.Wait.Signaled():
		return "killed by " + unix.SignalName(s.Wait.Signal())
	default:
		return fmt.Sprintf("exit status %d", s.Wait.ExitStatus())
	}
}

// patience bounds the wait for what the kernel or the intermediate does right after the end of a
// process.
const patience = 2 * time.Second

// reap returns the status of a process that has ended according to its pidfd, and leaves no zombie.
func (s *Started) reap() Status {
	if s.Status == nil {
		if status, ok := waitPidfd(s.Pidfd); ok {
			return status
		}
		return askPidfd(s.Pidfd)
	}
	status, ok := readStatus(s.Status)
	if s.Intermediate > 0 {
		if !ok {
			// It was killed, or is stopped. It is an unreaped child, so the pid is still its own.
			_ = unix.Kill(s.Intermediate, unix.SIGKILL)
		}
		waitIntermediate(s.Intermediate)
	}
	if !ok {
		return askPidfd(s.Pidfd)
	}
	return status
}

// waitPidfd reaps a child. It fails if the host has reaped it, or ignores SIGCHLD.
func waitPidfd(pidfd *os.File) (Status, bool) {
	var info struct { // siginfo_t for SIGCHLD
		signal, errno, code, _ int32
		pid, uid, status       int32
		_                      [100]byte
	}
	err := errno.Retry(func() error {
		_, _, failed := unix.Syscall6(unix.SYS_WAITID, unix.P_PIDFD, pidfd.Fd(),
			uintptr(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WALL, 0, 0)
		if failed != 0 {
			return failed
		}
		return nil
	})
	if err != nil || info.pid == 0 {
		return Status{}, false
	}

	const exited, dumped, coreFlag = 1, 3, 0x80 // CLD_EXITED, CLD_DUMPED
	switch info.code {
	case exited:
		return Status{Known: true, Wait: syscall.WaitStatus(info.status&0xff) << 8}, true
	case dumped:
		return Status{Known: true, Wait: syscall.WaitStatus(info.status | coreFlag)}, true
	default:
		return Status{Known: true, Wait: syscall.WaitStatus(info.status)}, true
	}
}

// askPidfd reads the status of a process that another part of the process has reaped, or is about
// to. Since Linux 6.15 the kernel keeps the status with the pidfd once the process is reaped; the
// pidfd then hangs up.
func askPidfd(pidfd *os.File) Status {
	status, err := exitInfo(pidfd)
	if err == nil && !status.Known && waitFor(pidfd, 0, patience) {
		status, _ = exitInfo(pidfd)
	}
	return status
}

func exitInfo(pidfd *os.File) (Status, error) {
	const (
		getInfo  = 0xc040ff0b // PIDFD_GET_INFO: _IOWR(0xff, 11, struct pidfd_info of 64 bytes)
		infoExit = 1 << 3     // PIDFD_INFO_EXIT
	)
	var info struct {
		mask, cgroup uint64
		ids          [11]uint32
		exitCode     int32
	}
	info.mask = infoExit
	_, _, failed := unix.Syscall(unix.SYS_IOCTL, pidfd.Fd(), getInfo, uintptr(unsafe.Pointer(&info)))
	if failed != 0 {
		return Status{}, fmt.Errorf("ask pidfd: %w", failed)
	}
	return Status{Known: info.mask&infoExit != 0, Wait: syscall.WaitStatus(info.exitCode)}, nil
}

// readStatus reads the status that the intermediate writes as soon as the process has ended.
func readStatus(from *os.File) (Status, bool) {
	if !waitFor(from, unix.POLLIN, patience) {
		return Status{}, false
	}
	var raw [4]byte
	if n, err := from.Read(raw[:]); err != nil || n != len(raw) {
		return Status{}, false
	}
	return Status{Known: true, Wait: syscall.WaitStatus(binary.NativeEndian.Uint32(raw[:]))}, true
}

// waitIntermediate reaps the intermediate, which exits by itself.
func waitIntermediate(pid int) {
	_ = errno.Retry(func() error {
		_, err := unix.Wait4(pid, nil, unix.WALL, nil)
		return err
	})
}

// waitFor waits for the given events, or for a hang-up.
func waitFor(file *os.File, events int16, limit time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(file.Fd()), Events: events}}
	for end := time.Now().Add(limit); ; {
		left := max(0, time.Until(end))
		n, err := unix.Poll(fds, int(left.Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n > 0
		}
	}
}
