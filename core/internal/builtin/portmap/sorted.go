package portmap

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
)

// sorted are ports of one protocol, by number.
type sorted struct {
	ports   []port
	longest int // run
}

func sortedOf(ports []port, proto protocol) sorted {
	var s sorted
	for _, p := range ports {
		if p.proto == proto {
			s.ports, s.longest = append(s.ports, p), max(s.longest, p.count)
		}
	}
	slices.SortFunc(s.ports, func(a, b port) int { return cmp.Compare(a.number, b.number) })
	return s
}

// find returns one of the ports that has a number, and an address of the host in common with the
// given one. The invalid address stands for all.
func (s sorted) find(f family, hostIP netip.Addr, number uint16) (port, bool) {
	after := sort.Search(len(s.ports), func(i int) bool { return s.ports[i].number > number })
	for i := after - 1; i >= 0 && int(number-s.ports[i].number) < s.longest; i-- {
		p := s.ports[i]
		isAt := p.hostIP == hostIP || !p.hostIP.IsValid() || !hostIP.IsValid()
		if isAt && p.family == f && p.last() >= number {
			return p.at(int(number - p.number)), true
		}
	}
	return port{}, false
}

// publishing returns the port that publishes an address and port of the host.
func (s sorted) publishing(to netip.AddrPort) (port, bool) {
	return s.find(familyOf(to.Addr()), to.Addr(), to.Port())
}
