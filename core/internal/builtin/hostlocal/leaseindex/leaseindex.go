// Package leaseindex keeps an index of a directory of leases. It answers two questions that the
// directory itself can answer only by being read as a whole: which address is free next, and which
// addresses an owner has. The index is a file that is used in place, so that the cost of a call
// does not grow with the number of leases. The caller holds the lock of the directory.
//
// # Trust
//
// Other programs change the directory too. The index is valid only while the directory is as the
// caller last left it, which its inode and its times show. The kernel's clock for these ticks every
// 1 to 10 ms: another program's change within the tick of our own would leave the same time. Keep
// therefore sets the directory's time to a value of our own, some seconds in the past and exact to
// the nanosecond. Any later change sets the kernel's time, which differs. The two could be equal
// only if the clock was set back to that very nanosecond, and then the inode's time of change,
// which nobody can set, would have to be equal as well. A file system that does not keep
// nanoseconds gets no index.
//
// A process that is killed half-way needs no mark: the directory is always changed before the
// index, and then has another time than the index records until Keep.
package leaseindex

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/file"
)

// Index is the index of one directory. It is not safe for concurrent use.
type Index struct {
	file   *file.File // nil while the index is only in memory
	boot   key        // of the boot in which the leases were read
	last   lastGiven
	owners table // owner → address
	pages  table // block of 512 addresses → which are taken
	failed bool  // a write failed, so that the index must not be kept
	dirty  bool  // the directory was changed since the index was opened
}

// lastGiven is the last address given from each of the first range sets, zero if it is unknown. It
// repeats what files of the directory say: other programs write them under the directory's lock,
// together with a lease.
type lastGiven [4][16]byte

const (
	minOwners = 256
	minPages  = 64
	maxSlots  = 1 << 28
)

// Owner identifies the owner of a lease. The zero value is nobody.
type Owner key

// NewOwner returns the owner with a container ID, whose lease has the given text. Owners with the
// same container ID are near each other in the index.
func NewOwner(containerID, lease string) (o Owner) {
	container, all := sha256.Sum256([]byte(containerID)), sha256.Sum256([]byte(lease))
	copy(o[:8], container[:])
	copy(o[8:], all[:])
	return o
}

// Lease is an address with its owner.
type Lease struct {
	Addr  netip.Addr
	Owner Owner
}

// New returns an index of leases, in memory.
func New(bootID string, leases []Lease) *Index {
	pages := map[key]bool{}
	for _, l := range leases {
		page, _ := pageOf(l.Addr)
		pages[page] = true
	}
	x := newIndex(bootID, len(leases), len(pages))
	for _, l := range leases {
		_ = x.Add(l.Addr, l.Owner) // cannot fail in memory
	}
	return x
}

// newIndex returns an empty index in memory with room for a number of owners and pages.
func newIndex(bootID string, owners, pages int) *Index {
	x := &Index{boot: bootKey(bootID)}
	x.owners = ownerTable(slotsFor(owners, minOwners))
	x.pages = pageTable(slotsFor(pages, minPages))
	x.layOut(nil)
	x.layOut(make(memory, x.size()))
	_, _ = x.owners.clear(), x.pages.clear() // cannot fail in memory
	return x
}

func ownerTable(slots uint32) table {
	return table{kind: 'o', size: 16, slots: slots, place: key.front}
}

func pageTable(slots uint32) table {
	return table{kind: 'p', size: pageSize, slots: slots, place: key.spread}
}

func (x *Index) layOut(at backing) {
	x.owners.at, x.owners.base = at, int64(headerSize)
	x.pages.at, x.pages.base = at, int64(headerSize)+x.owners.bytes()
}

func (x *Index) size() int64 { return x.pages.base + x.pages.bytes() }

// Close closes the index without keeping its changes. A nil index is closed already.
func (x *Index) Close() {
	if x != nil {
		_ = x.file.Close()
	}
}

// Usable reports whether no write has failed so far.
func (x *Index) Usable() bool { return !x.failed }

// Last returns the last address given from a range set; the zero address if it is unknown.
func (x *Index) Last(set int) netip.Addr {
	if set >= len(x.last) || x.last[set] == [16]byte{} {
		return netip.Addr{}
	}
	return netip.AddrFrom16(x.last[set]).Unmap()
}

// SetLast records the last address given from a range set. It is kept with the next change.
func (x *Index) SetLast(set int, addr netip.Addr) {
	if set < len(x.last) {
		x.last[set] = addr.As16()
	}
}

// Addresses returns the addresses of an owner, in order.
func (x *Index) Addresses(o Owner) ([]netip.Addr, error) {
	var found []netip.Addr
	err := x.owners.find(key(o), func(_ uint32, value []byte) bool {
		addr := netip.AddrFrom16([16]byte(value)).Unmap()
		at, _ := slices.BinarySearchFunc(found, addr, netip.Addr.Compare)
		found = slices.Insert(found, at, addr)
		return false
	})
	return found, err
}

// Add records that an address is taken, by an owner if there is one.
func (x *Index) Add(addr netip.Addr, o Owner) error {
	x.dirty = true
	if err := x.grow(); err != nil {
		return x.fail(err)
	}
	if o != (Owner{}) {
		value := addr.As16()
		if err := x.owners.insert(key(o), value[:]); err != nil {
			return x.fail(err)
		}
	}
	page, offset := pageOf(addr)
	bitmap, slot, exists, err := x.page(page)
	if err != nil {
		return x.fail(err)
	}
	bitmap[offset/8] |= 1 << (offset % 8)
	if exists {
		return x.fail(x.pages.write(slot, slotLive, page, bitmap))
	}
	return x.fail(x.pages.insert(page, bitmap))
}

// Remove records that an address is free.
func (x *Index) Remove(addr netip.Addr, o Owner) error {
	x.dirty = true
	value := addr.As16()
	at, found := uint32(0), false
	err := x.owners.find(key(o), func(slot uint32, have []byte) bool {
		found = bytes.Equal(have, value[:])
		at = slot
		return found
	})
	if err == nil && found {
		err = x.owners.remove(at)
	}
	if err != nil {
		return x.fail(err)
	}
	page, offset := pageOf(addr)
	bitmap, slot, exists, err := x.page(page)
	if err != nil || !exists {
		return x.fail(err)
	}
	bitmap[offset/8] &^= 1 << (offset % 8)
	if slices.Max(bitmap) == 0 {
		return x.fail(x.pages.remove(slot))
	}
	return x.fail(x.pages.write(slot, slotLive, page, bitmap))
}

// grow moves the index to larger tables, in memory, if one has no room for another entry.
func (x *Index) grow() error {
	if !x.owners.crowded() && !x.pages.crowded() {
		return nil
	}
	larger := newIndex("", int(x.owners.live), int(x.pages.live))
	err := copyTable(&larger.owners, &x.owners)
	if err == nil {
		err = copyTable(&larger.pages, &x.pages)
	}
	if err != nil {
		return err
	}
	x.Close()
	x.file, x.owners, x.pages = nil, larger.owners, larger.pages
	return nil
}

func copyTable(to, from *table) error {
	var failed error
	err := from.all(func(k key, value []byte) {
		failed = errors.Join(failed, to.insert(k, value))
	})
	return errors.Join(err, failed)
}

// fail records that a write failed.
func (x *Index) fail(err error) error {
	if err != nil {
		x.failed = true
	}
	return err
}

// slotsFor returns the power of two with which a table is a quarter full.
func slotsFor(entries, fewest int) uint32 {
	slots := uint32(fewest)
	for int(slots) < 4*entries && slots < maxSlots {
		slots *= 2
	}
	return slots
}

func bootKey(bootID string) key {
	sum := sha256.Sum256([]byte(bootID))
	return key(sum[:16])
}
