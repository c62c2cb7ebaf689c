package nft

import (
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// TestCallOnSeveralThreads has one that is elsewhere take a socket in the same call.
func TestCallOnSeveralThreads(t *testing.T) {
	netnstest.Host(t)
	c := &call{Sockets: &Sockets{}}
	own, err := wire.CurrentNamespace()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := make(chan *wire.Conn)
	for range 2 {
		s, err := c.open(t.Context())
		if err != nil || s.Namespace != own {
			t.Errorf("a socket of %v, want %v, %v", s.Namespace, own, err)
		}
		go func() {
			s, err := c.open(t.Context())
			if err != nil {
				t.Error(err)
			}
			elsewhere <- s
		}()
		other := <-elsewhere
		if other.Namespace == own || other.Cookie == s.Cookie {
			t.Error("the other thread got a socket of this one's namespace")
		}
		s.Done()
		other.Done()
	}
}
