package count

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// tally is what one call made, in all threads of its process, without what Go's runtime does on its
// own.
type tally struct {
	calls, messages, threads, processes int
	each                                map[uint64]int
}

// ofRuntime are calls for memory, threads, waiting and signals. How many there are depends on what
// else the machine does.
var ofRuntime = map[uint64]bool{
	unix.SYS_FUTEX: true, unix.SYS_NANOSLEEP: true, unix.SYS_SCHED_YIELD: true, unix.SYS_MMAP: true,
	unix.SYS_MUNMAP:   true,
	unix.SYS_MPROTECT: true, unix.SYS_MADVISE: true, unix.SYS_BRK: true, unix.SYS_RT_SIGACTION: true,
	unix.SYS_RT_SIGPROCMASK: true,
	unix.SYS_RT_SIGRETURN:   true, unix.SYS_SIGALTSTACK: true, unix.SYS_EPOLL_PWAIT: true,
	unix.SYS_GETTID: true, unix.SYS_GETPID: true,
	unix.SYS_TGKILL: true, unix.SYS_SET_ROBUST_LIST: true, unix.SYS_RSEQ: true, unix.SYS_EXIT: true,
	unix.SYS_RESTART_SYSCALL: true, unix.SYS_PRLIMIT64: true, unix.SYS_CLOCK_NANOSLEEP: true,
}

// tracer runs a program and makes a tally of what lies between two of its writes to stdout.
type tracer struct {
	pid     int
	inside  map[int]bool
	now     *tally
	tallies []*tally
}

func trace(t *testing.T, path string, stdin, stdout *os.File) []*tally {
	t.Helper()
	runtime.LockOSThread() // the kernel ties a tracee to the thread that traces it
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec(path, []string{path}, &syscall.ProcAttr{
		Files: []uintptr{stdin.Fd(), stdout.Fd(), os.Stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	tr := &tracer{pid: pid, inside: map[int]bool{}, now: newTally()}
	if err := tr.run(); err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Fatalf("trace %s: %v", path, err)
	}
	return tr.tallies
}

func newTally() *tally { return &tally{each: map[uint64]int{}} }

func (tr *tracer) run() error {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(tr.pid, &status, 0, nil); err != nil {
		return err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
		unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(tr.pid, options); err != nil {
		return err
	}
	tid := tr.pid
	for {
		if err := tr.resume(tid, status); err != nil && err != syscall.ESRCH {
			return err
		}
		var err error
		for tid, err = -1, syscall.EINTR; err == syscall.EINTR; {
			tid, err = syscall.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		}
		if err != nil {
			return err
		}
		if tid == tr.pid && (status.Exited() || status.Signaled()) {
			if status.Signaled() || status.ExitStatus() != 0 {
				return fmt.Errorf("it ended with %v", status)
			}
			return nil
		}
	}
}

func (tr *tracer) resume(tid int, status syscall.WaitStatus) error {
	if !status.Stopped() {
		return nil
	}
	deliver := status.StopSignal()
	switch {
	case deliver == syscall.SIGTRAP|0x80:
		deliver = 0
		if tr.inside[tid] = !tr.inside[tid]; tr.inside[tid] {
			if err := tr.entered(tid); err != nil {
				return err
			}
		}
	case status.TrapCause() == unix.PTRACE_EVENT_FORK || status.TrapCause() == unix.PTRACE_EVENT_VFORK:
		tr.now.processes++
		deliver = 0
	case status.TrapCause() == unix.PTRACE_EVENT_CLONE:
		deliver = 0
	case deliver == syscall.SIGSTOP || deliver == syscall.SIGTRAP:
		deliver = 0
	}
	return syscall.PtraceSyscall(tid, int(deliver))
}

func (tr *tracer) entered(tid int) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	number := regs.Orig_rax
	switch {
	case number == unix.SYS_WRITE && regs.Rdi == 1:
		tr.tallies = append(tr.tallies, tr.now)
		tr.now = newTally()
		return nil
	case number == unix.SYS_READ && regs.Rdi == 0 || ofRuntime[number]:
		return nil
	case number == unix.SYS_EXECVE:
		tr.now.processes++
	case number == unix.SYS_CLONE || number == unix.SYS_CLONE3:
		return tr.cloned(tid, regs)
	case number == unix.SYS_SENDTO && regs.R9 == unix.SizeofSockaddrNetlink:
		data := make([]byte, regs.Rdx)
		if _, err := syscall.PtracePeekData(tid, uintptr(regs.Rsi), data); err != nil {
			return err
		}
		tr.now.messages += messages(data)
	}
	tr.now.calls++
	tr.now.each[number]++
	return nil
}

// cloned tells a new thread, which is the runtime's, from a new process.
func (tr *tracer) cloned(tid int, regs syscall.PtraceRegs) error {
	flags := regs.Rdi
	if regs.Orig_rax == unix.SYS_CLONE3 { // in the structure that the argument points to
		var first [8]byte
		if _, err := syscall.PtracePeekData(tid, uintptr(regs.Rdi), first[:]); err != nil {
			return err
		}
		flags = binary.NativeEndian.Uint64(first[:])
	}
	if flags&unix.CLONE_THREAD == 0 {
		tr.now.processes++
	} else {
		tr.now.threads++
	}
	return nil
}

// messages counts those of a datagram.
func messages(data []byte) (n int) {
	for len(data) >= unix.SizeofNlMsghdr {
		size := (int(binary.NativeEndian.Uint32(data)) + 3) &^ 3
		data = data[min(max(size, unix.SizeofNlMsghdr), len(data)):]
		n++
	}
	return n
}
