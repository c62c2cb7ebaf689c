// Package hostlocal is the address plugin "host-local": it hands out the addresses of configured ranges, one after the
// other, and remembers on disk who has which.
//
// The store on disk is shared with the reference executable of the same name, in both directions and at the same time:
// one directory per network, one file per address, made with O_EXCL, under one lock. What is added here takes nothing
// from that: an index in the state directory (index.go) and the boot a lease is of, in an extended attribute (lease.go).
package hostlocal

import (
	"time"

	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/plugin"
)

const name = "host-local"

// New returns the plugin.
func New() plugin.Plugin {
	return &hostLocal{booted: boot.Started, scanned: func() {}}
}

type hostLocal struct {
	booted  func(stateDir string) (time.Time, error) // a moment not later than the start of this boot
	scanned func()                                   // told of every scan of a store's directory
}

// Traits: the plugin assigns addresses.
func (*hostLocal) Traits() plugin.Traits { return plugin.Traits{IPAM: true} }

// Unsupported names no key: all that the executable reads are read.
func (*hostLocal) Unsupported([]byte) string { return "" }

// open prepares the store of an invocation's network. Nothing is touched yet.
func (p *hostLocal) open(inv *plugin.Invocation, dataDir string) (*store, error) {
	path, err := directory(dataDir, inv.Network)
	if err != nil {
		return nil, err
	}
	return &store{
		network:  inv.Network,
		dir:      path,
		stateDir: inv.StateDir,
		bootID:   inv.BootID,
		booted:   p.booted,
		scanned:  p.scanned,
	}, nil
}
