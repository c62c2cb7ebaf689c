package wire

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// take returns a socket in the namespace of the calling thread.
func take(t *testing.T, p *Pool) *Socket {
	t.Helper()
	namespace, err := CurrentNamespace()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Take(namespace)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSocketsAreSharedWithinANamespace(t *testing.T) {
	netnstest.Host(t)
	p := &Pool{}
	first := take(t, p)
	p.Give(first)
	again := take(t, p)
	if again != first {
		t.Error("got another socket")
	}
	p.Give(again)

	netnstest.Host(t)
	other := take(t, p)
	if other == first {
		t.Error("got a socket of another namespace")
	}
	other.close()
}

func TestUnfinishedSocketIsNotGivenAgain(t *testing.T) {
	netnstest.Host(t)
	p := &Pool{}
	first := take(t, p)
	first.conn.Unfinished = true
	p.Give(first)
	second := take(t, p)
	if second == first {
		t.Error("a socket with answers to receive is given again")
	}
	second.close()
}

// TestDescriptorThatWasReused has the host close all descriptors it does not know, and open a file.
func TestDescriptorThatWasReused(t *testing.T) {
	netnstest.Host(t)
	p := &Pool{}
	kept := take(t, p)
	p.Give(kept)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd := kept.conn.Fd()
	if err := unix.Dup3(int(file.Fd()), fd, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)

	kept.close()
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		t.Errorf("the host's file was closed: %v", err)
	}
	fresh := take(t, p)
	if fresh == kept {
		t.Error("the host's file was taken for a socket")
	}
	fresh.close()
}
