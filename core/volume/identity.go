package volume

import (
	"os"
	"sync"
	"syscall"
)

// identity identifies the server at an address. A plugin that replaces its socket, as on
// a restart, gets a new identity. Servers at one IP address in different network namespaces have
// different identities.
type identity struct {
	address  string
	dev, ino uint64
	sec, ns  int64 // of the socket's last change
}

// networkNamespace is the path of the calling thread's network namespace.
const networkNamespace = "/proc/thread-self/ns/net"

// identify returns the identity of the server that a connection would reach now. If the socket
// cannot be examined the identity has only the address, and connecting reports the reason.
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
		if a.Scheme == schemeUnix { // the times of a namespace have no meaning
			id.sec, id.ns = int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec)
		}
	}
	return id
}

// maxKnown bounds the memory of a process that contacts ever new plugins. A forgotten plugin costs
// one more handshake.
const maxKnown = 256

// handshakes holds the servers that have identified themselves as volume plugins, and their scopes.
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

// add records a server after its handshake.
func (h *handshakes) add(id identity) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.scopes) >= maxKnown {
		clear(h.scopes)
	}
	h.scopes[id] = ""
}

// forget removes all servers at an address.
func (h *handshakes) forget(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.scopes {
		if id.address == address {
			delete(h.scopes, id)
		}
	}
}

// scope returns the scope that a server reported, or "".
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
