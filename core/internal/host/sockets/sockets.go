// Package sockets finds the sockets of any process that hold a port, without taking the port and
// without listing the other sockets.
package sockets

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Numbers of linux/inet_diag.h that x/sys/unix lacks.
const (
	attrBytecode = 1       // INET_DIAG_REQ_BYTECODE
	portAtLeast  = 2       // INET_DIAG_BC_S_GE
	portAtMost   = 3       // INET_DIAG_BC_S_LE
	listening    = 1 << 10 // TCP_LISTEN
	unconnected  = 1 << 7  // TCP_CLOSE, which UDP sockets have that are not connected

	requestSize = 56 // struct inet_diag_req_v2
	addressAt   = 8  // in struct inet_diag_msg
	messageSize = 24 // up to the end of an IPv6 source address
)

// Bound returns the addresses of the TCP or UDP sockets (IPPROTO_*) that wait on one of the ports
// first to last, in the network namespace of the calling thread. The address of a socket that waits
// on all addresses is unspecified.
func Bound(ctx context.Context, proto byte, first, last uint16) ([]netip.AddrPort, error) {
	socket, err := netlink.Open(unix.NETLINK_SOCK_DIAG, 0)
	if err != nil {
		return nil, fmt.Errorf("sockets: %w", err)
	}
	defer socket.Close()

	c := netlink.NewConn(socket, new(netlink.Buffer))
	var found []netip.AddrPort
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		err := c.Dump(ctx, unix.SOCK_DIAG_BY_FAMILY, request(family, proto, first, last),
			func(data []byte) {
				if a, ok := parse(data); ok && a.Port() >= first && a.Port() <= last {
					found = append(found, a)
				}
			})
		if errors.Is(err, unix.ENOENT) {
			return nil, nil // the kernel cannot list sockets of this protocol
		}
		if err != nil {
			return nil, fmt.Errorf("sockets: list: %w", err)
		}
	}
	return found, nil
}

func request(family, proto byte, first, last uint16) []byte {
	fixed := make([]byte, requestSize)
	fixed[0], fixed[1] = family, proto
	states := uint32(listening)
	if proto == unix.IPPROTO_UDP {
		states = unconnected
	}
	binary.NativeEndian.PutUint32(fixed[4:], states)
	if first == last {
		binary.BigEndian.PutUint16(fixed[8:], first) // the kernel compares it
		return fixed
	}

	e := &netlink.Encoder{}
	e.Fixed(fixed...)
	e.Bytes(attrBytecode, inRange(first, last))
	return e.Encoded()
}

// inRange returns a program for the kernel of two comparisons, each with its port behind it. Each
// goes on to the next if it holds, and beyond the end otherwise.
func inRange(first, last uint16) []byte {
	program := []byte{portAtLeast, 8}
	program = binary.NativeEndian.AppendUint16(program, 20)
	program = append(program, 0, 0)
	program = binary.NativeEndian.AppendUint16(program, first)
	program = append(program, portAtMost, 8)
	program = binary.NativeEndian.AppendUint16(program, 12)
	program = append(program, 0, 0)
	return binary.NativeEndian.AppendUint16(program, last)
}

func parse(data []byte) (netip.AddrPort, bool) {
	if len(data) < messageSize {
		return netip.AddrPort{}, false
	}

	port := binary.BigEndian.Uint16(data[4:])
	size := net4
	if data[0] == unix.AF_INET6 {
		size = net6
	}
	addr, ok := netip.AddrFromSlice(data[addressAt : addressAt+size])
	return netip.AddrPortFrom(addr, port), ok
}

const net4, net6 = 4, 16 // bytes of an address
