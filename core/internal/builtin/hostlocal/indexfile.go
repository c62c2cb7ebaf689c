package hostlocal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// identity is what tells that a directory was not changed.
type identity struct {
	Device, Inode, Modified, Changed uint64
}

// header is the beginning of the file.
type header struct {
	Magic                             [8]byte
	Boot                              key
	Store                             identity
	OwnerSlots, OwnersUsed, OwnerLive uint32
	PageSlots, PagesUsed, PagesLive   uint32
	Checksum                          uint32 // of all before it
}

var (
	magic      = [8]byte{'c', 'n', 'i', 'h', 'l', 'i', 'x', '2'}
	headerSize = binary.Size(header{})
)

// openIndex opens the index of the directory that is now in the given state. It fails if there is none that can be
// trusted.
func openIndex(path string, store identity, bootID string) (*index, error) {
	file, err := openFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	x, err := readIndex(file, store, bootID)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("index %s: %w", path, err)
	}
	return x, nil
}

func readIndex(file *os.File, store identity, bootID string) (*index, error) {
	raw := make([]byte, headerSize)
	if _, err := file.ReadAt(raw, 0); err != nil {
		return nil, err
	}
	head, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}
	if head.Store != store || head.Boot != bootKey(bootID) {
		return nil, errors.New("the store was changed by others")
	}
	x := &index{file: file, boot: head.Boot}
	x.owners = table{kind: 'o', size: 16, slots: head.OwnerSlots, used: head.OwnersUsed, live: head.OwnerLive}
	x.pages = table{kind: 'p', size: pageSize, slots: head.PageSlots, used: head.PagesUsed, live: head.PagesLive}
	x.layOut(file)
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != x.size() {
		return nil, fmt.Errorf("%w: %d bytes instead of %d", errDamaged, info.Size(), x.size())
	}
	return x, nil
}

func parseHeader(raw []byte) (header, error) {
	var head header
	if _, err := binary.Decode(raw, binary.LittleEndian, &head); err != nil {
		return head, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if head.Magic != magic || head.Checksum != checksum(0, raw[:headerSize-4]) {
		return head, fmt.Errorf("%w: not a header", errDamaged)
	}
	for _, slots := range []uint32{head.OwnerSlots, head.PageSlots} {
		if slots < fewestPages || slots > mostSlots || bits.OnesCount32(slots) != 1 {
			return head, fmt.Errorf("%w: %d slots", errDamaged, slots)
		}
	}
	return head, nil
}

func (x *index) header(store identity) []byte {
	head := header{Magic: magic, Boot: x.boot, Store: store}
	head.OwnerSlots, head.OwnersUsed, head.OwnerLive = x.owners.slots, x.owners.used, x.owners.live
	head.PageSlots, head.PagesUsed, head.PagesLive = x.pages.slots, x.pages.used, x.pages.live
	raw, _ := binary.Append(nil, binary.LittleEndian, head) // a struct of fixed size
	sum := checksum(0, raw[:headerSize-4])
	binary.LittleEndian.PutUint32(raw[headerSize-4:], sum)
	return raw
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
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", image, 0o600); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	if err := os.Rename(path+".new", path); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	return nil
}

// stamp gives the directory a time by which it is known again, and returns what it is known by.
func stamp(dir string) (identity, error) {
	ours := time.Now().Add(-stampAge)
	if err := os.Chtimes(dir, time.Time{}, ours); err != nil {
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

// identify fails if dir is no directory.
func identify(dir string) (identity, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return identity{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() {
		return identity{}, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	return identity{
		Device:   uint64(stat.Dev),
		Inode:    stat.Ino,
		Modified: uint64(stat.Mtim.Nano()),
		Changed:  uint64(stat.Ctim.Nano()),
	}, nil
}
