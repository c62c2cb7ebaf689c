package rig

import (
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Connect makes a pair of links, one end in the host, the other named eth0 in a namespace, with
// addresses that can be used at once.
func (h *Host) Connect(netns, name string, here, there []string) {
	h.T.Helper()
	fd, err := os.Open(netns)
	Must(h.T, err)
	defer fd.Close()
	Must(h.T,
		netlink.LinkAdd(
			&netlink.Veth{
				LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "eth0",
				PeerNamespace: netlink.NsFd(int(fd.Fd())),
			}))
	Must(h.T, ready(name, here))
	Must(h.T, Within(netns, func() error { return ready("eth0", there) }))
}

// ready sets a link up and adds addresses that can be used at once.
func ready(name string, addresses []string) error {
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/accept_dad", []byte("0"), 0); err != nil {
		return err
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	for _, text := range addresses {
		address, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		if address.IP.To4() == nil {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, address); err != nil {
			return fmt.Errorf("%s: %s: %w", name, text, err)
		}
	}
	return nil
}
