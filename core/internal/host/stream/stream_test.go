package stream_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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

func TestQuietRaisesNoSignal(t *testing.T) {
	near, far := pair(t)
	quiet, err := stream.Quiet(near)
	if err != nil {
		t.Fatal(err)
	}
	raised := make(chan os.Signal, 1)
	signal.Notify(raised, syscall.SIGPIPE)
	defer signal.Stop(raised)
	far.Close()
	if _, err := quiet.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v, want %v", err, syscall.EPIPE)
	}
	select {
	case <-raised:
		t.Error("SIGPIPE was raised")
	case <-time.After(50 * time.Millisecond):
	}
}

func TestQuietRefusesWhatIsNoSocket(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	if _, err := stream.Quiet(near); err == nil {
		t.Error("no error")
	}
}
