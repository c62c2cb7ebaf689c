package spawn

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ForkExec is the Starter without C, for programs that control their own process. It relies on all
// descriptors of the process being close-on-exec, as Go's are, and leaves the umask to the child.
// Signals that the process ignores become signals that it receives and drops: the process notices
// no difference, but the child does not inherit it. A library cannot do this to its host, so
// libcni.so has a Starter in C.
func ForkExec(spec Spec) (Started, error) {
	// The mask and the namespaces of a child are those of the thread that forks.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dropIgnored()

	var all, none unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &all); err != nil {
		return Started{}, fmt.Errorf("start %s: signal mask: %w", spec.Path, err)
	}
	pidfd := -1
	pid, err := syscall.ForkExec(spec.Path, spec.Args, &syscall.ProcAttr{
		Env:   spec.Env,
		Files: []uintptr{spec.Stdin.Fd(), spec.Stdout.Fd(), spec.Stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true, PidFD: &pidfd},
	})
	runtime.KeepAlive(spec)
	// The mask was valid a moment ago; if the kernel refuses it now, nothing can be done.
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil)
	if err != nil {
		return Started{}, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	return Started{PID: pid, Pidfd: os.NewFile(uintptr(pidfd), "pidfd")}, nil
}

// dropIgnored handles the signals that this process ignores by dropping them: an ignored signal
// stays ignored across exec, a handled one gets its default action.
func dropIgnored() {
	const lastSignal, firstReal, lastReal = 64, 32, 34 // 32 to 34 belong to the C library
	var ignored []os.Signal
	for number := syscall.Signal(1); number <= lastSignal; number++ {
		if (number < firstReal || number > lastReal) && isIgnored(number) {
			ignored = append(ignored, number)
		}
	}
	if len(ignored) > 0 {
		signal.Notify(make(chan os.Signal, 1), ignored...) // never read: what does not fit is dropped
	}
}

func isIgnored(number syscall.Signal) bool {
	var action struct { // the kernel's struct sigaction
		handler, flags, restorer uintptr
		mask                     uint64
	}
	const ignore, maskSize = 1, 8
	_, _, failed := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(number), 0,
		uintptr(unsafe.Pointer(&action)), maskSize, 0, 0)
	return failed == 0 && action.handler == ignore
}
