package nft

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"libcni/core/internal/host/netns/netnstest"
)

func TestSocketsAreSharedWithinANamespace(t *testing.T) {
	netnstest.Host(t)
	s := &Sockets{}
	first, err := s.take()
	if err != nil {
		t.Fatal(err)
	}
	s.give(first)
	again, err := s.take()
	if err != nil || again != first {
		t.Errorf("got another socket, %v", err)
	}
	s.give(again)
	netnstest.Host(t)
	other, err := s.take()
	if err != nil || other == first {
		t.Errorf("got a socket of another namespace, %v", err)
	}
	other.close()
}

// TestDescriptorThatIsSomebodyElsesNow has the host close all descriptors it does not know, and open a file.
func TestDescriptorThatIsSomebodyElsesNow(t *testing.T) {
	netnstest.Host(t)
	s := &Sockets{}
	kept, err := s.take()
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
	fresh, err := s.take()
	if err != nil || fresh == kept {
		t.Errorf("the host's file was taken for a socket, %v", err)
	}
	fresh.close()
}
