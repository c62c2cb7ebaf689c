package spawn

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// running is a shell script as a process, with its outputs.
type running struct {
	*Process
	stdout, stderr *Output
}

func start(t *testing.T, script string) *running {
	t.Helper()
	stdin, err := Input("stdin", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	r := &running{stdout: newOutput(t, 1<<20, false), stderr: newOutput(t, 1<<10, true)}
	started, err := ForkExec(Spec{
		Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"},
		Stdin: stdin, Stdout: r.stdout.Writer(), Stderr: r.stderr.Writer(),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Process = New(started)
	t.Cleanup(r.Close)
	r.stdout.CloseWriter()
	r.stderr.CloseWriter()
	return r
}

func newOutput(t *testing.T, limit int, tail bool) *Output {
	t.Helper()
	o, err := NewOutput(limit, tail)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

func TestWaitTellsHowItEndedAndWhatItWrote(t *testing.T) {
	tests := []struct {
		name, script                 string
		status, stdout, stderrSuffix string
	}{
		{"success", "cat; echo oops >&2", "exit status 0", "hello", "oops\n"},
		{"failure", "exit 3", "exit status 3", "", ""},
		{"signal", "kill -TERM $$", "killed by SIGTERM", "", ""},
		{"stdin not read", "exec 0<&-; echo x", "exit status 0", "x\n", ""},
		{
			"long stderr",
			"i=0; while [ $i -lt 2000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo end >&2",
			"exit status 0", "", "0123456789\nend\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, test.script)
			status, err := p.Wait(t.Context(), p.stdout, p.stderr)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.status, status.String()); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.stdout, string(p.stdout.Bytes())); diff != "" {
				t.Errorf("stdout (-want +got):\n%s", diff)
			}
			if got := string(p.stderr.Bytes()); !strings.HasSuffix(got, test.stderrSuffix) ||
				len(got) > 1<<10 {
				t.Errorf("stderr is %d bytes and ends with %q, want at most %d and %q", len(got),
					got[max(0, len(got)-20):], 1<<10, test.stderrSuffix)
			}
			if again, err := p.Wait(t.Context()); again != status || err != nil {
				t.Errorf("a second Wait: %v, %v", again, err)
			}
		})
	}
}

func TestCoreDumpStatusIsThatOfWait(t *testing.T) {
	p := start(t, "ulimit -c 0; kill -SEGV $$")
	status, err := p.Wait(t.Context())
	if err != nil || status.Wait.Signal() != syscall.SIGSEGV || status.Success() {
		t.Errorf("got %v, %v", status, err)
	}
}

func TestWaitDoesNotAwaitAGrandchildThatHoldsTheOutput(t *testing.T) {
	p := start(t, "(trap '' TERM; exec sleep 60) & echo $!; exit 0")
	began := time.Now()
	status, err := p.Wait(t.Context(), p.stdout, p.stderr)
	if err != nil || !status.Success() {
		t.Fatalf("Wait: %v, %v", status, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("Wait took %v", took)
	}
	var grandchild int
	if _, err := fmt.Sscan(string(p.stdout.Bytes()), &grandchild); err != nil {
		t.Fatalf("stdout %q: %v", p.stdout.Bytes(), err)
	}
	if err := unix.Kill(grandchild, unix.SIGKILL); err != nil {
		t.Errorf("the grandchild has not outlived the process: %v", err)
	}
}

func TestWaitEndsWithItsContextAndSignalReachesTheGroup(t *testing.T) {
	p := start(t, "trap '' TERM; sleep 60 & echo $!; wait; wait")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(errors.New("enough")) })
	if _, err := p.Wait(ctx, p.stdout); !errors.Is(err, context.Canceled) {
		t.Fatalf("Wait of a cancelled context: %v", err)
	}
	for len(p.stdout.Bytes()) == 0 {
		if _, ended := p.WaitFor(10*time.Millisecond, p.stdout); ended {
			t.Fatal("the process ended by itself")
		}
	}
	if _, ended := p.WaitFor(10 * time.Millisecond); ended {
		t.Fatal("WaitFor says that a running process has ended")
	}
	var child int
	if _, err := fmt.Sscan(string(p.stdout.Bytes()), &child); err != nil {
		t.Fatal(err)
	}
	childfd, err := unix.PidfdOpen(child, 0)
	if err != nil {
		t.Fatal(err)
	}
	pidfd := os.NewFile(uintptr(childfd), "pidfd")
	defer pidfd.Close()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	status, ended := p.WaitFor(20 * time.Second)
	if !ended || status.String() != "killed by SIGKILL" {
		t.Errorf("after SIGKILL: %v, %v", status, ended)
	}
	if !waitFor(pidfd, unix.POLLIN, 20*time.Second) {
		t.Error("the process' child was not killed with it")
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Errorf("signal to a process that has ended: %v", err)
	}
}

func TestTooMuchOutputIsAnError(t *testing.T) {
	p := start(t, "head -c 3000000 /dev/zero; sleep 60")
	if _, err := p.Wait(t.Context(), p.stdout, p.stderr); !errors.Is(err, ErrTooMuch) {
		t.Fatalf("Wait: %v", err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, ended := p.WaitFor(20 * time.Second); !ended {
		t.Error("not killed")
	}
}

func TestStatusSurvivesAHostThatReaps(t *testing.T) {
	for script, want := range map[string]string{"exit 3": "exit status 3",
		"kill -KILL $$": "killed by SIGKILL"} {
		p := start(t, script)
		var stolen unix.WaitStatus
		if pid, err := unix.Wait4(p.PID(), &stolen, 0, nil); pid != p.PID() {
			t.Fatalf("cannot steal: %v", err)
		}
		status, err := p.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !kernelKeepsStatus(t) {
			want = "unknown status"
		}
		if diff := cmp.Diff(want, status.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", script, diff)
		}
	}
}

// kernelKeepsStatus tells by the version, independently of what is tested.
func kernelKeepsStatus(t *testing.T) bool {
	t.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major,
		&minor); err != nil {
		t.Fatal(err)
	}
	return major > 6 || major == 6 && minor >= 15
}

func TestStatusFromAnIntermediate(t *testing.T) {
	tests := []struct {
		name  string
		write []byte
		want  string
	}{
		{"written", binary.NativeEndian.AppendUint32(nil, 5<<8), "exit status 5"},
		{"killed before it wrote", nil, "exit status 3"}, // what the kernel says
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.write == nil && !kernelKeepsStatus(t) {
				test.want = "unknown status"
			}
			p := start(t, "exit 3")
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := writer.Write(test.write); err != nil {
				t.Fatal(err)
			}
			writer.Close()
			p.started.Status = reader
			// An intermediate's plugin is not our child: its parent reaps it.
			if _, err := unix.Wait4(p.PID(), nil, 0, nil); err != nil {
				t.Fatal(err)
			}
			status, err := p.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, status.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// ignoredForGood returns which of the signals 32 and 33, the C library's own, this process was
// started with ignored: some ways of starting processes do that, and Go never changes those two.
func ignoredForGood(t *testing.T) uint64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nSigIgn:\t")
	ignored, err := strconv.ParseUint(rest[:16], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return ignored & (1<<31 | 1<<32)
}

func TestForkExecGivesACleanChild(t *testing.T) {
	signal.Ignore(syscall.SIGHUP, syscall.SIGTSTP)
	defer signal.Reset(syscall.SIGHUP, syscall.SIGTSTP)
	p := start(t,
		`grep -E '^Sig(Blk|Ign):' /proc/self/status; echo group $(cut -d' ' -f5 /proc/$$/stat)`)
	if status, err := p.Wait(t.Context(), p.stdout, p.stderr); err != nil || !status.Success() {
		t.Fatalf("%v, %v, %s", status, err, p.stderr.Bytes())
	}
	want := fmt.Sprintf("SigBlk:\t0000000000000000\nSigIgn:\t%016x\ngroup %d\n", ignoredForGood(t),
		p.PID())
	if diff := cmp.Diff(want, string(p.stdout.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestForkExecReportsTheKernelsError(t *testing.T) {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	_, err = ForkExec(Spec{Path: "/nonexistent", Args: []string{"x"}, Stdin: null, Stdout: null,
		Stderr: null})
	if !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
}

func TestMemfdIsSealedAndAtItsBeginning(t *testing.T) {
	want := bytes.Repeat([]byte("x"), 300<<10)
	file, err := Input("stdin", want)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := io.ReadAll(file)
	if err != nil || !bytes.Equal(want, got) {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(want))
	}
	if _, err := file.WriteAt([]byte("y"), 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("write: %v", err)
	}
	if err := file.Truncate(0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("truncate: %v", err)
	}
	flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor flags %#x, %v; want close-on-exec", flags, err)
	}
}

// A host may forbid memfd_create by a seccomp filter.
func TestInputWithoutMemfd(t *testing.T) {
	for _, size := range []int{0, 5, 64 << 10, 1 << 20} {
		want := bytes.Repeat([]byte("x"), size)
		var file *os.File
		err := withoutMemfd(t, func() (err error) {
			file, err = Input("stdin", want)
			return err
		})
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		got, err := io.ReadAll(file)
		file.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d, %v", size, len(got), err)
		}
	}
}

// withoutMemfd runs fn on a thread that may not call memfd_create.
func withoutMemfd(t *testing.T, fn func() error) error {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // not unlocked: the thread ends with its filter
		if err := forbid(unix.SYS_MEMFD_CREATE); err != nil {
			done <- fmt.Errorf("seccomp: %w", err)
			return
		}
		if _, err := unix.MemfdCreate("x", 0); !errors.Is(err, unix.EPERM) {
			done <- fmt.Errorf("memfd_create is not forbidden: %v", err)
			return
		}
		done <- fn()
	}()
	return <-done
}

// forbid makes a system call of this thread fail with EPERM.
func forbid(number uint32) error {
	const load, ifEqual, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS,
		unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load, K: 0}, // the number of the call
		{Code: ifEqual, Jf: 1, K: number},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER,
		uintptr(unsafe.Pointer(&program)), 0, 0)
}

func TestNothingLeaks(t *testing.T) {
	run := func() {
		stdout, err := NewOutput(100, false)
		if err != nil {
			t.Fatal(err)
		}
		defer stdout.Close()
		stdin, err := Input("stdin", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		started, err := ForkExec(Spec{Path: "/bin/true", Args: []string{"true"}, Stdin: stdin,
			Stdout: stdout.Writer(), Stderr: stdout.Writer()})
		if err != nil {
			t.Fatal(err)
		}
		p := New(started)
		defer p.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if status, err := p.Wait(ctx, stdout); err != nil || !status.Success() {
			t.Fatalf("%v, %v", status, err)
		}
	}
	run() // whatever is opened once is open now
	before := openDescriptors(t)
	for range 5 {
		run()
	}
	if diff := cmp.Diff(before, openDescriptors(t)); diff != "" {
		t.Errorf("descriptors (-before +after):\n%s", diff)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
}

func openDescriptors(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && !strings.HasPrefix(target, fmt.Sprintf("/proc/%d/", os.Getpid())) {
			open = append(open, entry.Name()+" "+target)
		}
	}
	return open
}
