package nft

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// peek counts the elements in the first datagram of a listing, which is a few dozens at most, and drops the rest with
// the socket. So it costs the same whatever the size of the set.
func peek(ctx context.Context, s Set) (int, error) {
	c, err := open(ctx)
	if err != nil {
		return 0, err
	}
	defer c.close()
	attributes, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: []byte(s.Table.Name + "\x00")},
		{Type: unix.NFTA_SET_ELEM_LIST_SET, Data: []byte(s.Name + "\x00")},
	})
	if err != nil {
		return 0, err
	}
	request := netlink.Message{
		Header: netlink.Header{Type: subsystem | unix.NFT_MSG_GETSETELEM, Flags: netlink.Request | netlink.Dump, Sequence: 1},
		Data:   append([]byte{byte(s.Table.Family), unix.NFNETLINK_V0, 0, 0}, attributes...),
	}
	request.Header.Length = uint32(unix.SizeofNlMsghdr + len(request.Data))
	encoded, err := request.MarshalBinary()
	if err != nil {
		return 0, err
	}
	if err := c.send(encoded, 1); err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	n, _, err := unix.Recvfrom(c.fd, buf, 0)
	for err == unix.EINTR {
		n, _, err = unix.Recvfrom(c.fd, buf, 0)
	}
	if err != nil {
		return 0, os.NewSyscallError("recvfrom", err)
	}
	return countElements(buf[:n], request)
}

func countElements(datagram []byte, request netlink.Message) (int, error) {
	messages, err := syscall.ParseNetlinkMessage(datagram)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, m := range messages {
		if m.Header.Type == unix.NLMSG_ERROR || m.Header.Type == unix.NLMSG_DONE {
			if err := parseError(m, []netlink.Message{request}); err != nil && !errors.Is(err, ErrNotFound) {
				return 0, err
			}
			continue
		}
		if len(m.Data) < 4 {
			continue
		}
		attributes, err := netlink.NewAttributeDecoder(m.Data[4:])
		if err != nil {
			return 0, err
		}
		for attributes.Next() {
			if attributes.Type() == unix.NFTA_SET_ELEM_LIST_ELEMENTS {
				attributes.Nested(func(list *netlink.AttributeDecoder) error {
					for list.Next() {
						count++
					}
					return nil
				})
			}
		}
		if err := attributes.Err(); err != nil {
			return 0, err
		}
	}
	return count, nil
}
