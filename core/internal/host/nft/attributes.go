package nft

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

var errMalformed = errors.New("malformed message of the kernel")

// appendAttribute appends an attribute of netlink, padded.
func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return pad(append(b, value...))
}

// appendName appends an attribute whose value is a name.
func appendName(b []byte, kind uint16, name string) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(name)+1))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return pad(append(append(b, name...), 0))
}

// appendNumber appends an attribute whose value is a number.
func appendNumber(b []byte, kind uint16, n uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, unix.SizeofNlAttr+4)
	b = binary.NativeEndian.AppendUint16(b, kind)
	return binary.BigEndian.AppendUint32(b, n)
}

func pad(b []byte) []byte {
	for len(b)%unix.NLA_ALIGNTO != 0 {
		b = append(b, 0)
	}
	return b
}

// openNested begins an attribute that others are in; closeNested ends the one that began at that place.
func openNested(b []byte, kind uint16) ([]byte, int) {
	at := len(b)
	b = append(b, 0, 0)
	return binary.NativeEndian.AppendUint16(b, kind|unix.NLA_F_NESTED), at
}

func closeNested(b []byte, at int) { binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at)) }

// eachAttribute calls f with every attribute. The values are parts of data.
func eachAttribute(data []byte, f func(kind uint16, value []byte) error) error {
	for len(data) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(data))
		if size < unix.SizeofNlAttr || size > len(data) {
			return errMalformed
		}
		kind := binary.NativeEndian.Uint16(data[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		if err := f(kind, data[unix.SizeofNlAttr:size]); err != nil {
			return err
		}
		data = data[min((size+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1), len(data)):]
	}
	return nil
}

// inside returns a copy of the value of the first attribute of a kind; nil if there is none.
func inside(data []byte, kind uint16) (found []byte, err error) {
	err = eachAttribute(data, func(k uint16, value []byte) error {
		if k == kind && found == nil {
			found = append(make([]byte, 0, len(value)), value...)
		}
		return nil
	})
	return found, err
}
