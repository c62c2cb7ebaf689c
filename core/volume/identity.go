package volume

import (
	"os"
	"sync"
	"syscall"
)

// identity is what a server at an address is known by. A plugin that makes its socket anew, as it does when it is
// started again, is another one; so is one at the same IP address of another network namespace.
type identity struct {
	address  string
	dev, ino uint64
	sec, ns  int64 // of the socket's last change
}

// networkNamespace is the calling thread's.
const networkNamespace = "/proc/thread-self/ns/net"

// identify returns the identity of the server that a connection made now would meet. What cannot be looked at has one
// too: the connection will tell what is wrong.
func identify(a Address) identity {
	id := identity{address: a.String()}
	path := networkNamespace
	if a.Scheme == schemeUnix {
		path = a.Path
	}
	info, err := os.Stat(path)
	if err != nil {
		return id
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		id.dev, id.ino = stat.Dev, stat.Ino
		if a.Scheme == schemeUnix { // a namespace's times mean nothing
			id.sec, id.ns = int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec)
		}
	}
	return id
}

// maxKnown bounds the memory of a host that meets ever new plugins. Forgetting one costs a handshake.
const maxKnown = 256

// handshakes are the servers that said they are volume plugins, and the scopes they told. Its lock is held for the
// length of a map's access and no longer.
type handshakes struct {
	mu     sync.Mutex
	scopes map[identity]string // "": not asked yet
}

func newHandshakes() *handshakes { return &handshakes{scopes: map[identity]string{}} }

func (h *handshakes) has(id identity) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, known := h.scopes[id]
	return known
}

// add enters a server that shook hands.
func (h *handshakes) add(id identity) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.scopes) >= maxKnown {
		clear(h.scopes)
	}
	h.scopes[id] = ""
}

// forget drops all that was known at an address.
func (h *handshakes) forget(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.scopes {
		if id.address == address {
			delete(h.scopes, id)
		}
	}
}

// scope returns the scope a server told, or "".
func (h *handshakes) scope(id identity) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.scopes[id]
}

func (h *handshakes) setScope(id identity, scope string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.scopes[id]; known {
		h.scopes[id] = scope
	}
}
