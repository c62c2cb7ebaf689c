package netlink

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Encoder builds the body of a message: a fixed part, then attributes. The zero value is ready.
// Numbers are in the machine's byte order unless the method's name says Big.
type Encoder struct {
	data  []byte
	open  [maxDepth]int // offsets of the nested attributes that are not closed yet
	depth int
}

// maxDepth is more than any message of this module nests.
const maxDepth = 8

// Encoded returns what was encoded so far.
func (e *Encoder) Encoded() []byte { return e.data }

// Fixed appends bytes that are not an attribute.
func (e *Encoder) Fixed(data ...byte) {
	if e.data == nil {
		e.data = make([]byte, 0, usualSize)
	}
	e.data = append(e.data, data...)
}

// usualSize is enough for most messages, so that they do not grow.
const usualSize = 256

// Bytes appends an attribute with any value.
func (e *Encoder) Bytes(kind uint16, value []byte) {
	e.header(kind, len(value))
	e.data = append(e.data, value...)
	e.pad()
}

// String appends an attribute whose value is a zero-terminated string.
func (e *Encoder) String(kind uint16, value string) {
	e.header(kind, len(value)+1)
	e.data = append(append(e.data, value...), 0)
	e.pad()
}

// Uint8 appends an attribute of one byte.
func (e *Encoder) Uint8(kind uint16, value uint8) {
	e.header(kind, 1)
	e.data = append(e.data, value)
	e.pad()
}

// Bool appends an attribute of one byte that is 1 for true and 0 for false.
func (e *Encoder) Bool(kind uint16, value bool) {
	var number uint8
	if value {
		number = 1
	}
	e.Uint8(kind, number)
}

// Uint32 appends an attribute of four bytes.
func (e *Encoder) Uint32(kind uint16, value uint32) {
	e.header(kind, 4)
	e.data = binary.NativeEndian.AppendUint32(e.data, value)
}

// BigUint16 appends an attribute of two bytes in network byte order.
func (e *Encoder) BigUint16(kind uint16, value uint16) {
	e.header(kind, 2)
	e.data = binary.BigEndian.AppendUint16(e.data, value)
	e.pad()
}

// BigUint32 appends an attribute of four bytes in network byte order.
func (e *Encoder) BigUint32(kind uint16, value uint32) {
	e.header(kind, 4)
	e.data = binary.BigEndian.AppendUint32(e.data, value)
}

// Open begins a nested attribute. What follows, up to the matching Close, is its value.
func (e *Encoder) Open(kind uint16) {
	e.open[e.depth] = len(e.data)
	e.depth++
	e.header(kind|unix.NLA_F_NESTED, 0)
}

// Close ends the nested attribute that was opened last.
func (e *Encoder) Close() {
	e.depth--
	at := e.open[e.depth]
	binary.NativeEndian.PutUint16(e.data[at:], uint16(len(e.data)-at))
}

// header and pad are not inlined: that would add 45 kB to each program.
//
//go:noinline
func (e *Encoder) header(kind uint16, size int) {
	e.data = binary.NativeEndian.AppendUint16(e.data, uint16(unix.SizeofNlAttr+size))
	e.data = binary.NativeEndian.AppendUint16(e.data, kind)
}

//go:noinline
func (e *Encoder) pad() {
	for len(e.data)%unix.NLA_ALIGNTO != 0 {
		e.data = append(e.data, 0)
	}
}
