// Package sockets finds the sockets that hold a port, of whatever process, without taking the port and without listing
// the other sockets.
package sockets

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlinksock"
)

// The kernel's numbers that x/sys/unix lacks (linux/sock_diag.h and linux/inet_diag.h).
const (
	byFamily     = 20 // SOCK_DIAG_BY_FAMILY
	attrBytecode = 1  // INET_DIAG_REQ_BYTECODE
	portAtLeast  = 2  // INET_DIAG_BC_S_GE
	portAtMost   = 3  // INET_DIAG_BC_S_LE
	listening    = 1 << 10
	closed       = 1 << 7 // of UDP: not connected

	requestSize = 56 // struct inet_diag_req_v2
	socketSize  = 16 // up to the end of the source address in struct inet_diag_msg, without the address
)

// Bound returns the addresses of the TCP or UDP sockets (IPPROTO_*) that wait on one of the ports first to last, in the
// network namespace of the calling thread. The address of one that waits on all is unspecified.
func Bound(ctx context.Context, proto byte, first, last uint16) ([]netip.AddrPort, error) {
	s, err := netlinksock.Open(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("sockets: %w", err)
	}
	defer s.Close()
	var found []netip.AddrPort
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		err := s.Ask(ctx, byFamily, unix.NLM_F_DUMP, request(family, proto, first, last), func(data []byte) {
			if a, ok := parse(data); ok && a.Port() >= first && a.Port() <= last {
				found = append(found, a)
			}
		})
		if errors.Is(err, unix.ENOENT) {
			return nil, nil // the kernel does not tell about this protocol
		}
		if err != nil {
			return nil, fmt.Errorf("sockets: list: %w", err)
		}
	}
	return found, nil
}

func request(family, proto byte, first, last uint16) []byte {
	r := make([]byte, requestSize)
	r[0], r[1] = family, proto
	states := uint32(listening)
	if proto == unix.IPPROTO_UDP {
		states = closed
	}
	binary.NativeEndian.PutUint32(r[4:], states)
	if first == last {
		binary.BigEndian.PutUint16(r[8:], first) // the kernel compares it
		return r
	}
	// Two comparisons, each with its port behind it. Each goes on to the next when it holds and beyond the end otherwise.
	program := []byte{portAtLeast, 8}
	program = binary.NativeEndian.AppendUint16(program, 20)
	program = append(program, 0, 0)
	program = binary.NativeEndian.AppendUint16(program, first)
	program = append(program, portAtMost, 8)
	program = binary.NativeEndian.AppendUint16(program, 12)
	program = append(program, 0, 0)
	program = binary.NativeEndian.AppendUint16(program, last)
	r = binary.NativeEndian.AppendUint16(r, uint16(4+len(program)))
	r = binary.NativeEndian.AppendUint16(r, attrBytecode)
	return append(r, program...)
}

func parse(data []byte) (netip.AddrPort, bool) {
	if len(data) < socketSize+8 {
		return netip.AddrPort{}, false
	}
	port := binary.BigEndian.Uint16(data[4:])
	size := 4
	if data[0] == unix.AF_INET6 {
		size = 16
	}
	addr, ok := netip.AddrFromSlice(data[8 : 8+size])
	return netip.AddrPortFrom(addr, port), ok
}
