package ipam

import (
	"fmt"
	"net/netip"
)

// special are the networks whose addresses neither an interface of a container nor its gateway can
// have.
var special = []struct {
	netip.Prefix
	what string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "reserved"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// CheckUnicast refuses an address that cannot be an interface's or a gateway's.
func CheckUnicast(addr netip.Addr) error {
	for _, s := range special {
		if s.Contains(addr) {
			return fmt.Errorf("%s is not a unicast address (%s)", addr, s.what)
		}
	}
	return nil
}

// CheckAddress refuses an address with a prefix length that no interface should have: one that is
// not unicast, and the first and the last address of an IPv4 network, which denote the network.
func CheckAddress(address netip.Prefix) error {
	if err := CheckUnicast(address.Addr()); err != nil {
		return err
	}
	switch addr, network := address.Addr(), address.Masked(); {
	case address.Bits() == 0:
		return fmt.Errorf("%s has the prefix length 0", address)
	case addr.Is6() || address.Bits() >= addr.BitLen()-1:
		return nil // RFC 3021: both addresses of a /31 are hosts
	case addr == network.Addr():
		return fmt.Errorf("%s is the address of the network itself", address)
	case addr == Last(network):
		return fmt.Errorf("%s is the broadcast address of network %s", address, network)
	}
	return nil
}

// CheckNetwork refuses a network with addresses that are not unicast.
func CheckNetwork(network netip.Prefix) error {
	for _, s := range special {
		// A single address at the end of a network is not allocated.
		if s.Contains(network.Addr()) || s.Overlaps(network) && !s.IsSingleIP() {
			return fmt.Errorf("%s contains addresses of %s (%s)", network, s.Prefix, s.what)
		}
	}
	return nil
}

// Last returns the last address of a network.
func Last(network netip.Prefix) netip.Addr {
	raw := network.Addr().AsSlice()
	for bit := network.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(raw)
	return last
}
