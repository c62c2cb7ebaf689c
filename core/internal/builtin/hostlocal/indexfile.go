package hostlocal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/host/file"
)

// identity is what tells that a directory was not changed.
type identity struct {
	Device, Inode, Modified, Changed uint64
}

func (id *identity) numbers() [4]*uint64 {
	return [...]*uint64{&id.Device, &id.Inode, &id.Modified, &id.Changed}
}

// header is the beginning of the file, between the magic and a checksum of all before it.
type header struct {
	Boot                              key
	Store                             identity
	Last                              lasts
	OwnerSlots, OwnersUsed, OwnerLive uint32
	PageSlots, PagesUsed, PagesLive   uint32
}

func (h *header) counts() [6]*uint32 {
	return [...]*uint32{&h.OwnerSlots, &h.OwnersUsed, &h.OwnerLive, &h.PageSlots, &h.PagesUsed, &h.PagesLive}
}

var magic = [8]byte{'c', 'n', 'i', 'h', 'l', 'i', 'x', '3'}

const headerSize = 8 + 16 + 4*8 + 4*16 + 6*4 + 4

// openIndex opens the index of the directory that is now in the given state. It fails if there is none that can be
// trusted.
func openIndex(path string, store identity, bootID string) (*index, error) {
	f, err := file.Open(path, file.ReadWrite|file.NoFollow, 0)
	if err != nil {
		return nil, err
	}
	x, err := readIndex(f, store, bootID)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("index %s: %w", path, err)
	}
	return x, nil
}

func readIndex(f *file.File, store identity, bootID string) (*index, error) {
	raw := make([]byte, headerSize)
	if _, err := f.ReadAt(raw, 0); err != nil {
		return nil, err
	}
	head, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}
	if head.Store != store || head.Boot != bootKey(bootID) {
		return nil, errors.New("the store was changed by others")
	}
	x := &index{file: f, boot: head.Boot, last: head.Last}
	x.owners, x.pages = ownerTable(head.OwnerSlots), pageTable(head.PageSlots)
	x.owners.used, x.owners.live = head.OwnersUsed, head.OwnerLive
	x.pages.used, x.pages.live = head.PagesUsed, head.PagesLive
	x.layOut(f)
	if size := f.Info().Size; size != x.size() {
		return nil, fmt.Errorf("%w: %d bytes instead of %d", errDamaged, size, x.size())
	}
	return x, nil
}

func parseHeader(raw []byte) (header, error) {
	if [8]byte(raw) != magic || binary.LittleEndian.Uint32(raw[headerSize-4:]) != checksum(0, raw[:headerSize-4]) {
		return header{}, fmt.Errorf("%w: not a header", errDamaged)
	}
	head := decodeHeader(raw[len(magic):])
	for _, slots := range []uint32{head.OwnerSlots, head.PageSlots} {
		if slots < fewestPages || slots > mostSlots || bits.OnesCount32(slots) != 1 {
			return head, fmt.Errorf("%w: %d slots", errDamaged, slots)
		}
	}
	return head, nil
}

func (x *index) header(store identity) []byte {
	head := header{Boot: x.boot, Store: store, Last: x.last}
	head.OwnerSlots, head.OwnersUsed, head.OwnerLive = x.owners.slots, x.owners.used, x.owners.live
	head.PageSlots, head.PagesUsed, head.PagesLive = x.pages.slots, x.pages.used, x.pages.live
	raw := head.append(append(make([]byte, 0, headerSize), magic[:]...))
	return binary.LittleEndian.AppendUint32(raw, checksum(0, raw))
}

func (h *header) append(raw []byte) []byte {
	raw = append(raw, h.Boot[:]...)
	for _, n := range h.Store.numbers() {
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

// decodeHeader reads what append wrote.
func decodeHeader(raw []byte) (h header) {
	raw = raw[copy(h.Boot[:], raw):]
	for _, n := range h.Store.numbers() {
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

// save keeps the index for a directory in the given state.
func (x *index) save(path string, store identity) error {
	head := x.header(store)
	if x.file != nil {
		_, err := x.file.WriteAt(head, 0)
		return err
	}
	image := x.owners.at.(memory)
	copy(image, head)
	temporary := path + ".new"
	if err := file.InDirectory(path, func() error { return file.Renew(temporary, image, 0o600) }); err != nil {
		return err
	}
	if err := file.Rename(temporary, path); err != nil {
		return errors.Join(err, file.Remove(temporary))
	}
	return nil
}

// stamp gives the directory a time by which it is recognised, and returns what it is recognised by.
func stamp(dir string) (identity, error) {
	ours := time.Now().Add(-stampAge)
	if err := file.SetModified(dir, ours); err != nil {
		return identity{}, err
	}
	id, err := identify(dir)
	if err == nil && id.Modified != uint64(ours.UnixNano()) {
		err = errors.New("the file system does not keep nanoseconds")
	}
	return id, err
}

// stampAge is more than the coarsest clock of a kernel lags behind.
const stampAge = 3 * time.Second

// identify fails if dir is not a directory.
func identify(dir string) (identity, error) {
	info, err := file.Stat(dir)
	if err == nil && !info.IsDirectory() {
		err = &fs.PathError{Op: "stat", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return identity{}, err
	}
	return identity{
		Device:   info.Device,
		Inode:    info.Inode,
		Modified: uint64(info.Modified.UnixNano()),
		Changed:  uint64(info.Changed.UnixNano()),
	}, nil
}
