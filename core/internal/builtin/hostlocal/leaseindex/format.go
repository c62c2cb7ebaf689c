package leaseindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/libcni/libcni/core/internal/host/file"
)

// header is the beginning of the file, between the magic and a checksum of everything before it.
type header struct {
	Boot                              key
	Directory                         Directory
	Last                              lastGiven
	OwnerSlots, OwnersUsed, OwnerLive uint32
	PageSlots, PagesUsed, PagesLive   uint32
}

func (h *header) counts() [6]*uint32 {
	return [...]*uint32{
		&h.OwnerSlots,
		&h.OwnersUsed,
		&h.OwnerLive,
		&h.PageSlots,
		&h.PagesUsed,
		&h.PagesLive,
	}
}

var magic = [8]byte{'c', 'n', 'i', 'h', 'l', 'i', 'x', '3'}

const headerSize = 8 + 16 + 4*8 + 4*16 + 6*4 + 4

// Open opens the index at path if it was kept for the directory as it is now, in this boot.
func Open(path string, now Directory, bootID string) (*Index, error) {
	f, err := file.Open(path, file.ReadWrite|file.NoFollow, 0)
	if err != nil {
		return nil, err
	}
	x, err := readIndex(f, now, bootID)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("index %s: %w", path, err)
	}
	return x, nil
}

func readIndex(f *file.File, now Directory, bootID string) (*Index, error) {
	raw := make([]byte, headerSize)
	if _, err := f.ReadAt(raw, 0); err != nil {
		return nil, err
	}
	head, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}
	if head.Directory != now || head.Boot != bootKey(bootID) {
		return nil, errors.New("the directory was changed by another program")
	}
	x := &Index{file: f, boot: head.Boot, last: head.Last}
	x.owners, x.pages = ownerTable(head.OwnerSlots), pageTable(head.PageSlots)
	x.owners.used, x.owners.live = head.OwnersUsed, head.OwnerLive
	x.pages.used, x.pages.live = head.PagesUsed, head.PagesLive
	x.layOut(f)
	if size := f.Info().Size; size != x.size() {
		return nil, fmt.Errorf("%w: it has %d bytes, not %d", ErrDamaged, size, x.size())
	}
	return x, nil
}

func parseHeader(raw []byte) (header, error) {
	if [8]byte(raw) != magic ||
		binary.LittleEndian.Uint32(raw[headerSize-4:]) != checksum(0, raw[:headerSize-4]) {
		return header{}, fmt.Errorf("%w: invalid header", ErrDamaged)
	}
	head := decodeHeader(raw[len(magic):])
	for _, slots := range []uint32{head.OwnerSlots, head.PageSlots} {
		if slots < minPages || slots > maxSlots || bits.OnesCount32(slots) != 1 {
			return head, fmt.Errorf("%w: %d slots", ErrDamaged, slots)
		}
	}
	return head, nil
}

func (x *Index) header(now Directory) []byte {
	head := header{Boot: x.boot, Directory: now, Last: x.last}
	head.OwnerSlots, head.OwnersUsed, head.OwnerLive = x.owners.slots, x.owners.used, x.owners.live
	head.PageSlots, head.PagesUsed, head.PagesLive = x.pages.slots, x.pages.used, x.pages.live
	raw := head.append(append(make([]byte, 0, headerSize), magic[:]...))
	return binary.LittleEndian.AppendUint32(raw, checksum(0, raw))
}

func (h *header) append(raw []byte) []byte {
	raw = append(raw, h.Boot[:]...)
	for _, n := range h.Directory.numbers() {
		raw = binary.LittleEndian.AppendUint64(raw, *n)
	}
	for _, addr := range h.Last {
		raw = append(raw, addr[:]...)
	}
	for _, n := range h.counts() {
		raw = binary.LittleEndian.AppendUint32(raw, *n)
	}
	return raw
}

// decodeHeader is the inverse of append.
func decodeHeader(raw []byte) (h header) {
	raw = raw[copy(h.Boot[:], raw):]
	for _, n := range h.Directory.numbers() {
		*n, raw = binary.LittleEndian.Uint64(raw), raw[8:]
	}
	for i := range h.Last {
		raw = raw[copy(h.Last[i][:], raw):]
	}
	for _, n := range h.counts() {
		*n, raw = binary.LittleEndian.Uint32(raw), raw[4:]
	}
	return h
}

// Keep writes the index to path, for a directory that it stamps. If that fails, or a change of the
// index failed, it removes the file: the next call then has none. Without changes it does nothing.
func (x *Index) Keep(path, dir string) {
	if x.file != nil && !x.dirty && !x.failed {
		return
	}
	err := errors.New("a write failed")
	if !x.failed {
		var now Directory
		if now, err = stamp(dir); err == nil {
			err = x.save(path, now)
		}
	}
	if err != nil {
		_ = file.Remove(path) // if it stays, it does not match the directory
	}
}

// save writes the index for a directory in the given state.
func (x *Index) save(path string, now Directory) error {
	head := x.header(now)
	if x.file != nil {
		_, err := x.file.WriteAt(head, 0)
		return err
	}
	image := x.owners.at.(memory)
	copy(image, head)
	temporary := path + ".new"
	if err := file.InDirectory(path,
		func() error { return file.Renew(temporary, image, 0o600) }); err != nil {
		return err
	}
	if err := file.Rename(temporary, path); err != nil {
		return errors.Join(err, file.Remove(temporary))
	}
	return nil
}
