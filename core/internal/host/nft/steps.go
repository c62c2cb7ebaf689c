package nft

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// parts are the attributes of an expression by their kinds. Those that are used have small ones.
type parts [16][]byte

// eachStep calls step with the name and attributes of each expression in a list that has any.
func eachStep(expressions []byte, step func(name string, at *parts)) error {
	list := netlink.Decode(expressions)
	for list.Next() {
		var name string
		var data []byte
		d := netlink.Decode(list.Bytes())
		for d.Next() {
			switch d.Kind() {
			case unix.NFTA_EXPR_NAME:
				name = d.String()
			case unix.NFTA_EXPR_DATA:
				data = d.Bytes()
			}
		}
		if err := d.Err(); err != nil {
			return err
		}
		if data == nil {
			continue
		}
		var at parts
		if err := at.read(netlink.Decode(data)); err != nil {
			return err
		}
		step(name, &at)
	}
	return list.Err()
}

func (p *parts) read(d netlink.Decoder) error {
	for d.Next() {
		if kind := int(d.Kind()); kind < len(p) {
			p[kind] = d.Bytes()
		}
	}
	return d.Err()
}

func number(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// value returns the bytes in a data attribute, without its padding.
func value(b []byte) []byte {
	if len(b) < 4 {
		return nil
	}
	size := int(binary.NativeEndian.Uint16(b))
	return b[4:max(4, min(size, len(b)))]
}
