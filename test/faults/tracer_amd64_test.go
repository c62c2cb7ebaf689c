package faults

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// call is a system call that a traced process is about to make.
type call struct {
	n      int // counted over the whole process, from 1, of the calls that are counted
	number uint64
	args   [5]uint64
	where  string // what its descriptor or path is
}

func (c call) String() string {
	return fmt.Sprintf("#%d %s(%s)", c.n, callNames[c.number], c.where)
}

// verdict is what happens to a call: nothing, the process is killed before it, or it fails with an
// error.
type verdict struct {
	kill bool
	fail syscall.Errno
}

// tracer runs a program and decides about the system calls that it makes after it began to read
// standard input, in whatever thread. Processes that the program makes are not traced.
type tracer struct {
	counts func(c call) bool // whether a call is one of those that are numbered
	decide func(c call) verdict

	pid     int
	started bool
	n       int
	failing map[int]syscall.Errno // thread to the error its call is to return
	inside  map[int]bool          // thread is in a call
	hit     []call                // the calls that were not left alone
}

// run returns how the program ended. The calling goroutine is locked to its thread, since the
// kernel ties a tracee to the thread that traces it.
func (tr *tracer) run(
	t testing.TB, path string, args, env []string, files [3]*os.File,
) syscall.WaitStatus {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tr.failing, tr.inside = map[int]syscall.Errno{}, map[int]bool{}
	pid, err := syscall.ForkExec(path, append([]string{path}, args...), &syscall.ProcAttr{
		Env: env, Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()},
		Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.pid = pid
	status, err := tr.trace()
	if err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Fatalf("trace %s: %v", path, err)
	}
	return status
}

func (tr *tracer) trace() (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	if _, err := wait(tr.pid, &status); err != nil || !status.Stopped() {
		return status, fmt.Errorf("it did not stop: %v", err)
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(tr.pid, options); err != nil {
		return status, err
	}
	if err := syscall.PtraceSyscall(tr.pid, 0); err != nil {
		return status, err
	}
	for {
		tid, err := wait(-1, &status)
		if err != nil {
			return status, err
		}
		if status.Exited() || status.Signaled() {
			if tid == tr.pid { // the last one, whichever thread ended first
				return status, nil
			}
			continue
		}
		if err := tr.stopped(tid, status); err != nil &&
			!errors.Is(err, syscall.ESRCH) { // killed meanwhile
			return status, err
		}
	}
}

// wait waits for children and tracees of this thread alone.
func wait(pid int, status *syscall.WaitStatus) (int, error) {
	for {
		tid, err := syscall.Wait4(pid, status, unix.WALL|unix.WNOTHREAD, nil)
		if err != syscall.EINTR {
			return tid, err
		}
	}
}

func (tr *tracer) stopped(tid int, status syscall.WaitStatus) error {
	signal := status.StopSignal()
	switch {
	case signal == syscall.SIGTRAP|0x80:
		if err := tr.systemCall(tid); err != nil {
			return err
		}
		signal = 0
	case status.TrapCause() > 0:
		signal = 0
	case signal == syscall.SIGSTOP: // a new thread, or a process made by a clone that looks like one
		if !tr.isThread(tid) {
			return syscall.PtraceDetach(tid)
		}
		signal = 0
	}
	return syscall.PtraceSyscall(tid, int(signal))
}

func (tr *tracer) isThread(tid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", tr.pid, tid))
	return err == nil
}

// systemCall is called as a thread enters a call and as it leaves it.
func (tr *tracer) systemCall(tid int) error {
	tr.inside[tid] = !tr.inside[tid]
	if tr.inside[tid] {
		return tr.entered(tid)
	}
	errno, failing := tr.failing[tid]
	if !failing {
		return nil
	}
	delete(tr.failing, tid)
	return edit(tid, func(regs *syscall.PtraceRegs) { regs.Rax = uint64(-int64(errno)) })
}

func (tr *tracer) entered(tid int) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	c := call{number: regs.Orig_rax, args: [5]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8}}
	if c.number == unix.SYS_READ && c.args[0] == 0 {
		tr.started = true
	}
	if _, known := callNames[c.number]; !known || !tr.started {
		return nil
	}
	c.where = tr.where(tid, c)
	if !tr.counts(c) {
		return nil
	}
	tr.n++
	c.n = tr.n
	v := tr.decide(c)
	if v.kill || v.fail != 0 {
		tr.hit = append(tr.hit, c)
	}
	if v.kill {
		return syscall.Kill(tr.pid, syscall.SIGKILL)
	}
	if v.fail == 0 {
		return nil
	}
	tr.failing[tid] = v.fail
	// No such call: nothing happens.
	return edit(tid, func(regs *syscall.PtraceRegs) { regs.Orig_rax = ^uint64(0) })
}

func edit(tid int, change func(*syscall.PtraceRegs)) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	change(&regs)
	return syscall.PtraceSetRegs(tid, &regs)
}

// where says what a call is about: the path it takes, or what its descriptor is open on.
func (tr *tracer) where(tid int, c call) string {
	if at, ok := pathArguments[c.number]; ok {
		return readString(tid, uintptr(c.args[at]))
	}
	if !takesDescriptor[c.number] {
		return ""
	}
	target, _ := os.Readlink(
		"/proc/" + strconv.Itoa(tr.pid) + "/fd/" + strconv.Itoa(int(int32(c.args[0]))))
	return target
}

func readString(tid int, at uintptr) string {
	var text []byte
	for word := make([]byte, 8); len(text) < 4096; at += 8 {
		if n, err := syscall.PtracePeekData(tid, at, word); err != nil || n < 8 {
			break
		}
		for _, b := range word {
			if b == 0 {
				return string(text)
			}
			text = append(text, b)
		}
	}
	return string(text)
}
