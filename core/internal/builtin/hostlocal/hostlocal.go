// Package hostlocal is the IPAM plugin "host-local": it assigns the addresses of configured ranges
// in turn, and records on disk which attachment has which.
//
// The store on disk is shared with the reference executable of the same name, which may use it at
// the same time: one directory per network and one file per address, created with O_EXCL under one
// lock. The plugin adds an index in the state directory (leaseindex) and the boot of a lease in an
// extended attribute (lease.go), which the executable ignores.
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
	// Returns a time not later than the start of this boot.
	booted  func(stateDir string) (time.Time, error)
	scanned func() // called for every scan of a store's directory
}

// Traits: the plugin assigns addresses.
func (*hostLocal) Traits() plugin.Traits {
	return plugin.Traits{IPAM: true, Capabilities: []string{"ipRanges", "ips"}}
}

// Unsupported returns "": the plugin supports every key of the reference plugin.
func (*hostLocal) Unsupported([]byte) string { return "" }

// open returns the store of an invocation's network, before anything on disk is read.
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
