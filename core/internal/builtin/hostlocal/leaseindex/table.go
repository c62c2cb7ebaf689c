package leaseindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// table is a hash table in a file, with slots of one size and linear probing. Slots are read and
// written in place, so that the cost of an operation does not grow with the table. A key may occur
// more than once. Every slot, empty ones included, has a checksum over its content, its number and
// the table's kind, so that any damage is noticed when the slot is read.
type table struct {
	at    backing
	base  int64  // offset of slot 0
	kind  byte   // part of the checksum
	slots uint32 // a power of two
	size  int    // of a value
	used  uint32 // slots that are not empty: those with an entry, and those whose entry was removed
	live  uint32
	place func(key) uint64 // slot at which probing for a key begins, modulo slots

	buffer         []byte // the slots read last: looking at a slot and then writing it reads it once
	first, through uint32 // their numbers, the second exclusive
}

type backing interface {
	io.ReaderAt
	io.WriterAt
}

// memory is the backing of a table that is not in a file.
type memory []byte

func (m memory) ReadAt(p []byte, off int64) (int, error)  { return copy(p, m[off:]), nil }
func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

type key [16]byte

// A slot is a checksum, a state, three zero bytes, the key and the value.
const slotHead = 8 + 16

const (
	slotEmpty byte = iota + 1 // not 0, so that a hole in the file is damage
	slotLive
	slotRemoved
)

// probe is how many slots are read at once. Tables are at most half full, so that one read mostly
// suffices.
const probe = 8

// ErrDamaged says that the file of an index is damaged.
var ErrDamaged = errors.New("index is damaged")

func (t *table) slotSize() int { return slotHead + t.size }

func (t *table) bytes() int64 { return int64(t.slots) * int64(t.slotSize()) }

// clear makes all slots empty.
func (t *table) clear() error {
	all := make([]byte, t.bytes())
	for n := range t.slots {
		t.encode(all[int(n)*t.slotSize():][:t.slotSize()], n, slotEmpty, key{}, nil)
	}
	t.used, t.live = 0, 0
	t.first, t.through = 0, 0
	_, err := t.at.WriteAt(all, t.base)
	return err
}

// crowded reports whether the table must grow before the next insert.
func (t *table) crowded() bool { return t.used+1 > t.slots/2 }

// find calls visit with the slots of a key until visit returns true. The value is valid during the
// call.
func (t *table) find(k key, visit func(slot uint32, value []byte) bool) error {
	return t.walk(t.place(k), t.slots, func(slot uint32, state byte, have key, value []byte) bool {
		return state == slotEmpty || state == slotLive && have == k && visit(slot, value)
	})
}

// all calls visit with every entry.
func (t *table) all(visit func(k key, value []byte)) error {
	return t.walk(0, t.slots, func(_ uint32, state byte, k key, value []byte) bool {
		if state == slotLive {
			visit(k, value)
		}
		return false
	})
}

// insert adds an entry. The table must not be crowded.
func (t *table) insert(k key, value []byte) error {
	free, wasEmpty := uint32(0), false
	found := false
	err := t.walk(t.place(k), t.slots, func(slot uint32, state byte, _ key, _ []byte) bool {
		found = state != slotLive
		free, wasEmpty = slot, state == slotEmpty
		return found
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: no slot is free", ErrDamaged)
	}
	if err != nil {
		return err
	}
	if err := t.write(free, slotLive, k, value); err != nil {
		return err
	}
	t.live++
	if wasEmpty {
		t.used++
	}
	return nil
}

// remove removes the entry of a slot.
func (t *table) remove(slot uint32) error {
	t.live--
	return t.write(slot, slotRemoved, key{}, nil)
}

// walk visits slots from that of a hash on, until visit returns true or count slots were visited.
func (t *table) walk(hash uint64, count uint32,
	visit func(slot uint32, state byte, k key, value []byte) bool) error {
	first := uint32(hash) & (t.slots - 1)
	for seen := uint32(0); seen < count; {
		slot := (first + seen) & (t.slots - 1)
		batch := min(probe, count-seen, t.slots-slot)
		data, err := t.read(slot, batch)
		if err != nil {
			return err
		}
		for i := range batch {
			state, k, value, err := t.decode(data[int(i)*t.slotSize():][:t.slotSize()], slot+i)
			if err != nil {
				return err
			}
			if visit(slot+i, state, k, value) {
				return nil
			}
		}
		seen += batch
	}
	return nil
}

// read returns slots. The caller's lock keeps the file as it was read.
func (t *table) read(slot, count uint32) ([]byte, error) {
	if slot < t.first || slot+count > t.through {
		if t.buffer == nil {
			t.buffer = make([]byte, probe*t.slotSize())
		}
		t.first, t.through = 0, 0
		if _, err := t.at.ReadAt(t.buffer[:int(count)*t.slotSize()], t.offset(slot)); err != nil {
			return nil, err
		}
		t.first, t.through = slot, slot+count
	}
	return t.buffer[int(slot-t.first)*t.slotSize():][:int(count)*t.slotSize()], nil
}

// write writes a slot that was read last.
func (t *table) write(slot uint32, state byte, k key, value []byte) error {
	data, err := t.read(slot, 1)
	if err != nil {
		return err
	}
	t.encode(data, slot, state, k, value)
	_, err = t.at.WriteAt(data, t.offset(slot))
	return err
}

func (t *table) offset(slot uint32) int64 { return t.base + int64(slot)*int64(t.slotSize()) }

// encode writes all bytes of a slot.
func (t *table) encode(data []byte, slot uint32, state byte, k key, value []byte) {
	clear(data)
	data[4] = state
	copy(data[8:], k[:])
	copy(data[slotHead:], value)
	binary.LittleEndian.PutUint32(data, t.checksum(data, slot))
}

func (t *table) decode(data []byte, slot uint32) (state byte, k key, value []byte, err error) {
	state = data[4]
	if binary.LittleEndian.Uint32(data) != t.checksum(data, slot) || state < slotEmpty ||
		state > slotRemoved {
		return 0, k, nil, fmt.Errorf("%w: slot %d", ErrDamaged, slot)
	}
	copy(k[:], data[8:])
	return state, k, data[slotHead:], nil
}

func (t *table) checksum(data []byte, slot uint32) uint32 {
	return checksum(uint64(slot)<<8|uint64(t.kind), data[4:])
}

// golden is 2^64 divided by the golden ratio. It is odd, so that products with it differ if the
// factors do.
const golden = 0x9e3779b97f4a7c15

// checksum detects damage: before it is folded it always differs for content that differs in one
// word. A CRC would detect as much, but initialising its tables takes a quarter of a millisecond in
// each process.
func checksum(start uint64, data []byte) uint32 {
	sum := (start + 1) * golden
	for ; len(data) >= 8; data = data[8:] {
		sum = bits.RotateLeft64(sum^binary.LittleEndian.Uint64(data), 29) * golden
	}
	for _, b := range data {
		sum = bits.RotateLeft64(sum^uint64(b), 29) * golden
	}
	return uint32(sum>>32) ^ uint32(sum)
}

// spread is the place of keys that differ in few bits, such as addresses.
func (k key) spread() uint64 {
	mixed := binary.BigEndian.Uint64(k[:8]) ^ binary.BigEndian.Uint64(k[8:])
	mixed *= golden
	return mixed >> 32
}

// front is the place of keys whose first half is a hash.
func (k key) front() uint64 { return binary.BigEndian.Uint64(k[:8]) }
