package nft

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// peek counts the elements in the first datagram of a listing, which is some dozens at most. Of a large set it drops the
// rest with the socket, so that it costs the same whatever the size.
func peek(ctx context.Context, s Set) (int, error) {
	c, err := openPlain(ctx)
	if err != nil {
		return 0, err
	}
	defer c.done()
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
	c.unfinished = true
	first, err := c.receive()
	if err != nil {
		return 0, err
	}
	count, finished, err := countElements(first, request)
	if err == nil && !finished && count < fewElements {
		rest, err := c.receive()
		if err != nil {
			return 0, err
		}
		more, end, err := countElements(rest, request)
		if err != nil {
			return 0, err
		}
		count, finished = count+more, end
	}
	c.unfinished = !finished
	return count, err
}

// fewElements is what fits a datagram for certain, so that the next one tells the end.
const fewElements = 10

func (c *conn) receive() ([]byte, error) {
	n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
	for err == unix.EINTR {
		n, _, err = unix.Recvfrom(c.fd, c.buf, 0)
	}
	return c.buf[:max(0, n)], os.NewSyscallError("recvfrom", err)
}

// countElements counts those of a datagram, and says whether it is the last.
func countElements(datagram []byte, request netlink.Message) (count int, finished bool, err error) {
	messages, err := syscall.ParseNetlinkMessage(datagram)
	if err != nil {
		return 0, false, err
	}
	for _, m := range messages {
		if m.Header.Type == unix.NLMSG_ERROR || m.Header.Type == unix.NLMSG_DONE {
			if err := parseError(m, []netlink.Message{request}); err != nil && !errors.Is(err, ErrNotFound) {
				return 0, false, err
			}
			finished = true
			continue
		}
		if len(m.Data) < 4 {
			continue
		}
		attributes, err := netlink.NewAttributeDecoder(m.Data[4:])
		if err != nil {
			return 0, false, err
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
			return 0, false, err
		}
	}
	return count, finished, nil
}
