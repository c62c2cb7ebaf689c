// Command pack makes a shared library with packed relocations (DT_RELR) one that the C library does not relocate: it
// takes away what speaks of them, and tells relocate.c in ../ where they are. It also takes away what is called at a
// process's end: there is nothing to do then, and a host that only has the library in its memory need not run any of it,
// which would kill it if the file has been overwritten. If the linker packed no relocations, the library stays as it is.
package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: pack LIBRARY")
		os.Exit(2)
	}
	if err := pack(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "pack %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// library is a shared library in memory, which is changed in place.
type library struct {
	*elf.File
	image []byte
}

// table is where the packed relocations are.
type table struct{ address, size, entry uint64 }

func pack(path string) error {
	image, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return err
	}
	l := library{file, image}
	relocations, err := l.takeTags()
	if err != nil || relocations.size == 0 {
		return err
	}
	if relocations.entry != 8 {
		return fmt.Errorf("packed relocations: %d bytes each, not 8", relocations.entry)
	}
	if err := errors.Join(l.takeVersion(), l.tell(relocations)); err != nil {
		return err
	}
	return os.WriteFile(path, image, 0o755) // it exists, and keeps its mode
}

// part is what a section takes of the image.
func (l library) part(section string) ([]byte, error) {
	s := l.Section(section)
	if s == nil || s.Type == elf.SHT_NOBITS || s.Offset+s.Size > uint64(len(l.image)) {
		return nil, fmt.Errorf("section %s: not there", section)
	}
	return l.image[s.Offset:][:s.Size], nil
}

// The tags of packed relocations, which debug/elf does not know.
const (
	tagRelrSize  = 35
	tagRelr      = 36
	tagRelrEntry = 37
)

// takeTags takes the entries about packed relocations out of the dynamic section, and those about the process's end.
func (l library) takeTags() (relocations table, err error) {
	dynamic, err := l.part(".dynamic")
	if err != nil {
		return relocations, err
	}
	kept := 0
	for entry := range slices.Chunk(dynamic, 16) {
		tag, value := l.ByteOrder.Uint64(entry), l.ByteOrder.Uint64(entry[8:])
		switch tag {
		case tagRelr:
			relocations.address = value
		case tagRelrSize:
			relocations.size = value
		case tagRelrEntry:
			relocations.entry = value
		case uint64(elf.DT_FINI), uint64(elf.DT_FINI_ARRAY), uint64(elf.DT_FINI_ARRAYSZ):
		default:
			kept += copy(dynamic[kept:], entry)
		}
	}
	clear(dynamic[kept:])
	return relocations, nil
}

// mark is the version that a linker asks of the C library so that an older one refuses a library with packed relocations.
const mark = "GLIBC_ABI_DT_RELR"

// takeVersion takes the mark out of the versions needed of other libraries.
func (l library) takeVersion() error {
	needs, err := l.part(".gnu.version_r")
	if err != nil {
		return err
	}
	names, err := l.part(".dynstr")
	if err != nil {
		return err
	}
	for {
		if found, err := l.unlink(needs, names); found || err != nil {
			return err
		}
		next := l.ByteOrder.Uint32(needs[12:])
		if next == 0 {
			return nil // not every linker asks
		}
		needs = needs[next:]
	}
}

// unlink takes the mark out of the list of versions needed of one library: Elf64_Verneed, then Elf64_Vernaux, each with
// the distance to the next.
func (l library) unlink(need, names []byte) (found bool, err error) {
	count, link := l.ByteOrder.Uint16(need[2:]), need[8:12]
	version := need[l.ByteOrder.Uint32(link):]
	for range count {
		name, next := l.ByteOrder.Uint32(version[8:]), version[12:16]
		distance := l.ByteOrder.Uint32(next)
		if bytes.HasPrefix(names[name:], []byte(mark+"\x00")) {
			if count == 1 {
				return true, fmt.Errorf("version %s: the only one of its library", mark)
			}
			if distance != 0 {
				distance += l.ByteOrder.Uint32(link)
			}
			l.ByteOrder.PutUint32(link, distance)
			l.ByteOrder.PutUint16(need[2:], count-1)
			return true, nil
		}
		link, version = next, version[distance:]
	}
	return false, nil
}

// tell fills in "struct packed" of relocate.c.
func (l library) tell(relocations table) error {
	const name = "libcni_packed"
	packed, err := l.part(name)
	if err != nil {
		return err
	}
	told := struct{ Self, Table, TableEnd, Sealed, SealedEnd uint64 }{
		Self: l.Section(name).Addr, Table: relocations.address, TableEnd: relocations.address + relocations.size,
	}
	for _, p := range l.Progs {
		if p.Type == elf.PT_GNU_RELRO {
			told.Sealed, told.SealedEnd = p.Vaddr, p.Vaddr+p.Memsz
		}
	}
	if len(packed) != binary.Size(told) {
		return fmt.Errorf("section %s: %d bytes, not %d", name, len(packed), binary.Size(told))
	}
	_, err = binary.Encode(packed, l.ByteOrder, told)
	return err
}
