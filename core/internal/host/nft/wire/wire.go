// Package wire holds the messages of nftables and the sockets they travel over. It knows names and
// bytes; what the rules of libcni are is the matter of package nft, the only one that imports it.
//
// Rules and chains are encoded by github.com/google/nftables (Library). What that library does not
// have is here: sets declared as nft declares them, one element looked up by its key, several
// questions in one datagram, batches for one generation of the rules only (NFNL_BATCH_GENID),
// sockets that are kept, and no select(2), which knows no descriptors above 1,023.
package wire

import (
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// subsystem is the upper part of the type of each message.
const subsystem = unix.NFNL_SUBSYS_NFTABLES << 8

// headerSize is the size of struct nfgenmsg, with which each message begins.
const headerSize = 4

// body begins a message.
func body(family, resource uint8) (e netlink.Encoder) {
	e.Fixed(family, unix.NFNETLINK_V0, 0, resource)
	return e
}

// SetName names a set or map.
type SetName struct {
	Family      uint8
	Table, Name string
}

// Table is a table as the kernel reports it.
type Table struct {
	Exists  bool
	Owned   bool // it is deleted with the process that made it
	Dormant bool // its rules have no effect
}

// Chain is a chain as the kernel reports it.
type Chain struct {
	Family      uint8
	Table, Name string
	Type        string // of a base chain
	Base        bool
	Hook        uint32 // NF_*; of a base chain
	Priority    int
	Drop        bool // its policy
	Uses        int  // its rules, and the rules that jump to it; of one that was read
}
