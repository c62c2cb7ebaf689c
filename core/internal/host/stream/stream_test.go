package stream_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/stream"
)

// pair returns the two ends of a Unix connection.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if near, err = net.Dial("unix", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestQuietWritesAll(t *testing.T) {
	near, far := pair(t)
	quiet, err := stream.Quiet(near)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("0123456789"), 1<<18) // more than a socket holds
	go func() {
		defer near.Close()
		if n, err := quiet.Write(want); n != len(want) || err != nil {
			t.Errorf("wrote %d bytes, %v", n, err)
		}
	}()
	if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(want))
	}
}

// The kernel raises SIGPIPE for the thread that writes. That thread blocks the signal here, so that
// it would be pending after the call.
func TestQuietRaisesNoSignal(t *testing.T) {
	near, far := pair(t)
	quiet, err := stream.Quiet(near)
	if err != nil {
		t.Fatal(err)
	}
	far.Close()

	runtime.LockOSThread() // never unlocked: the thread ends with the test, and its mask with it
	blocked := unix.Sigset_t{}
	blocked.Val[0] = sigpipe
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := quiet.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v, want %v", err, syscall.EPIPE)
	}
	if pending(t)&sigpipe != 0 {
		t.Error("SIGPIPE was raised")
	}
}

// sigpipe is the bit of SIGPIPE in a set of signals.
const sigpipe = 1 << (syscall.SIGPIPE - 1)

// pending returns the first word of the set of signals that are pending for the thread.
func pending(t *testing.T) (set uint64) {
	t.Helper()
	_, _, errno := syscall.RawSyscall(unix.SYS_RT_SIGPENDING, uintptr(unsafe.Pointer(&set)),
		unsafe.Sizeof(set), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return set
}

func TestQuietRefusesWhatIsNoSocket(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	if _, err := stream.Quiet(near); err == nil {
		t.Error("no error")
	}
}
