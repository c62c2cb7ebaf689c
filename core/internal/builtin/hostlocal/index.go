package hostlocal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/file"
)

// index answers the two questions a store's directory can only answer by being read as a whole: which address is free
// next, and which addresses an owner has. It is a file in the state directory that is used in place, under the store's
// lock, at a cost that does not grow with the number of leases.
//
// It is trusted only while the directory is as this package last left it, which is told by the directory's inode and
// its times. The kernel's clock for those ticks every 1 to 10 ms: two changes within a tick leave the same time, so that
// a foreign change right after ours could go unseen. So after a change the directory is given a time of our own making
// (stamp), some seconds in the past and exact to the nanosecond. Any later change gives it the kernel's time, which is
// another one. Nothing but the clock being set back to that very nanosecond could make the two the same, and then the
// inode's own time of change, which nobody can set, would have to be the same too. A file system that does not keep
// nanoseconds gets no index.
//
// No mark "being changed" is needed for a process that is killed half-way: the directory is always changed before the
// index is, and then has another time than the index knows until the stamp.
type index struct {
	file   *file.File // nil while the index is only in memory
	boot   key        // of the boot the leases were read in
	last   lasts      // the addresses given last
	owners table      // owner → address
	pages  table      // block of 512 addresses → which are taken
	failed bool       // a write failed; the index must not be kept
	dirty  bool       // the store was changed since the index was opened
}

// lasts is the address given last from each of the first range sets, zero where that is not known. It is what the files
// last_reserved_ip.N say: the executable writes one only after it has made a lease, under the store's lock, so that the
// directory tells of that too.
type lasts [4][16]byte

const (
	fewestOwners = 256
	fewestPages  = 64
	mostSlots    = 1 << 28
)

// newIndex makes an empty index in memory with room for a number of owners and pages.
func newIndex(bootID string, owners, pages int) *index {
	x := &index{boot: bootKey(bootID)}
	x.owners, x.pages = ownerTable(slotsFor(owners, fewestOwners)), pageTable(slotsFor(pages, fewestPages))
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

func (x *index) layOut(at backing) {
	x.owners.at, x.owners.base = at, int64(headerSize)
	x.pages.at, x.pages.base = at, int64(headerSize)+x.owners.bytes()
}

func (x *index) size() int64 { return x.pages.base + x.pages.bytes() }

func (x *index) close() {
	if x != nil {
		_ = x.file.Close()
	}
}

// lastGiven returns the address given last from a set; none if the index does not know.
func (x *index) lastGiven(set int) netip.Addr {
	if set >= len(x.last) || x.last[set] == [16]byte{} {
		return netip.Addr{}
	}
	return netip.AddrFrom16(x.last[set]).Unmap()
}

// noteLast remembers the address given last from a set. It is kept only when the store is changed.
func (x *index) noteLast(set int, addr netip.Addr) {
	if set < len(x.last) {
		x.last[set] = addr.As16()
	}
}

// addresses returns the addresses of an owner in order.
func (x *index) addresses(o owner) ([]netip.Addr, error) {
	var found []netip.Addr
	err := x.owners.find(ownerKey(o), func(_ uint32, value []byte) bool {
		found = append(found, netip.AddrFrom16([16]byte(value)).Unmap())
		return false
	})
	slices.SortFunc(found, netip.Addr.Compare)
	return found, err
}

// add notes an address as taken, by an owner if there is one.
func (x *index) add(addr netip.Addr, o owner) error {
	x.dirty = true
	if err := x.room(); err != nil {
		return x.fail(err)
	}
	if o != (owner{}) {
		value := addr.As16()
		if err := x.owners.insert(ownerKey(o), value[:]); err != nil {
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

// remove notes an address as free.
func (x *index) remove(addr netip.Addr, o owner) error {
	x.dirty = true
	value := addr.As16()
	at, found := uint32(0), false
	err := x.owners.find(ownerKey(o), func(slot uint32, have []byte) bool {
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

// room makes the index larger, in memory, if one more entry would crowd a table.
func (x *index) room() error {
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
	x.close()
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

// fail remembers that a write failed.
func (x *index) fail(err error) error {
	if err != nil {
		x.failed = true
	}
	return err
}

// slotsFor is the power of two that leaves a table a quarter full.
func slotsFor(entries, fewest int) uint32 {
	slots := uint32(fewest)
	for int(slots) < 4*entries && slots < mostSlots {
		slots *= 2
	}
	return slots
}

func bootKey(bootID string) key {
	sum := sha256.Sum256([]byte(bootID))
	return key(sum[:16])
}

// ownerKey begins with the container, so that all owners of a container, and what old leases name it, are in one place.
func ownerKey(o owner) (k key) {
	container, all := sha256.Sum256([]byte(o.ContainerID)), sha256.Sum256([]byte(o.content()))
	copy(k[:8], container[:])
	copy(k[8:], all[:])
	return k
}
