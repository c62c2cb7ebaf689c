package nft

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

func TestSocketsAreSharedWithinANamespace(t *testing.T) {
	netnstest.Host(t)
	s := &Sockets{}
	first, err := (&call{Sockets: s}).take()
	if err != nil {
		t.Fatal(err)
	}
	s.give(first)
	again, err := (&call{Sockets: s}).take()
	if err != nil || again != first {
		t.Errorf("got another socket, %v", err)
	}
	s.give(again)
	netnstest.Host(t)
	other, err := (&call{Sockets: s}).take()
	if err != nil || other == first {
		t.Errorf("got a socket of another namespace, %v", err)
	}
	other.close()
}

// TestDescriptorThatIsSomebodyElsesNow has the host close all descriptors it does not know, and open a file.
func TestDescriptorThatIsSomebodyElsesNow(t *testing.T) {
	netnstest.Host(t)
	s := &Sockets{}
	kept, err := (&call{Sockets: s}).take()
	if err != nil {
		t.Fatal(err)
	}
	s.give(kept)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Dup3(int(file.Fd()), kept.fd, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(kept.fd)
	kept.close()
	if _, err := unix.FcntlInt(uintptr(kept.fd), unix.F_GETFD, 0); err != nil {
		t.Errorf("the host's file was closed: %v", err)
	}
	fresh, err := (&call{Sockets: s}).take()
	if err != nil || fresh == kept {
		t.Errorf("the host's file was taken for a socket, %v", err)
	}
	fresh.close()
}

// TestCallOnSeveralThreads has one that is elsewhere take a socket in the same call.
func TestCallOnSeveralThreads(t *testing.T) {
	netnstest.Host(t)
	c := &call{Sockets: &Sockets{}}
	own, err := ownNamespace()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := make(chan *socket)
	for range 2 {
		s, err := c.take()
		if err != nil || s.namespace != own {
			t.Errorf("a socket of %v, want %v, %v", s.namespace, own, err)
		}
		go func() {
			s, err := c.take()
			if err != nil {
				t.Error(err)
			}
			elsewhere <- s
		}()
		other := <-elsewhere
		if other.namespace == own || other.cookie == s.cookie {
			t.Error("the other thread got a socket of this one's namespace")
		}
		s.close()
		other.close()
	}
}
