package netlink

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// ErrMalformed is returned for a message whose lengths contradict each other.
var ErrMalformed = errors.New("malformed netlink message")

// Decoder reads attributes one after the other:
//
//	for d := netlink.Decode(data); d.Next(); {
//		switch d.Kind() { … d.Uint32() … }
//	}
//
// Values are parts of the data that was given. A malformed attribute ends the iteration.
type Decoder struct {
	rest  []byte
	kind  uint16
	value []byte
	err   error
}

// Decode returns a decoder of the attributes in a message, after its fixed part, or in a nested
// attribute.
func Decode(data []byte) Decoder { return Decoder{rest: data} }

// DecodeAfter is Decode for the attributes that follow a fixed part of the given size. There are
// none if the message is shorter.
func DecodeAfter(data []byte, fixed int) Decoder { return Decode(data[min(fixed, len(data)):]) }

// Next advances to the next attribute and reports whether it exists.
//
//go:noinline
func (d *Decoder) Next() bool {
	if len(d.rest) < unix.SizeofNlAttr {
		return false
	}

	size := int(binary.NativeEndian.Uint16(d.rest))
	if size < unix.SizeofNlAttr || size > len(d.rest) {
		d.rest, d.err = nil, ErrMalformed
		return false
	}
	d.kind = binary.NativeEndian.Uint16(d.rest[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
	d.value = d.rest[unix.SizeofNlAttr:size]
	d.rest = d.rest[min(align(size), len(d.rest)):]
	return true
}

// Err returns ErrMalformed if that ended the iteration.
func (d *Decoder) Err() error { return d.err }

// Kind returns the attribute's type without its flags.
func (d *Decoder) Kind() uint16 { return d.kind }

// Bytes returns the attribute's value.
func (d *Decoder) Bytes() []byte { return d.value }

// String reads a string that may be zero-terminated.
func (d *Decoder) String() string { return Text(d.value) }

// Uint32 reads a number of 1, 2 or 4 bytes. It is 0 for a value of another length.
func (d *Decoder) Uint32() uint32 {
	switch len(d.value) {
	case 1:
		return uint32(d.value[0])
	case 2:
		return uint32(binary.NativeEndian.Uint16(d.value))
	case 4:
		return binary.NativeEndian.Uint32(d.value)
	default:
		return 0
	}
}

// Int reads a number of 1, 2 or 4 bytes; those of 4 bytes are signed.
func (d *Decoder) Int() int { return int(int32(d.Uint32())) }

// Bool reports whether the number is not 0.
func (d *Decoder) Bool() bool { return d.Uint32() != 0 }

// BigUint16 reads a number of 2 bytes in network byte order. It is 0 for a value of another length.
func (d *Decoder) BigUint16() uint16 {
	if len(d.value) != 2 {
		return 0
	}
	return binary.BigEndian.Uint16(d.value)
}

// BigUint32 reads a number of 4 bytes in network byte order. It is 0 for a value of another length.
func (d *Decoder) BigUint32() uint32 {
	if len(d.value) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(d.value)
}

// BigUint64 reads a number of 8 bytes in network byte order. It is 0 for a value of another length.
func (d *Decoder) BigUint64() uint64 {
	if len(d.value) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(d.value)
}

// Text reads a string that may be zero-terminated.
func Text(value []byte) string {
	text, _, _ := bytes.Cut(value, []byte{0})
	return string(text)
}

// align rounds up to the alignment of messages and attributes, which is the same.
func align(size int) int { return (size + unix.NLA_ALIGNTO - 1) &^ (unix.NLA_ALIGNTO - 1) }
