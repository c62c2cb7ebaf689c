package portmap

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"

	"github.com/libcni/libcni/core/internal/fault"
)

// maxPorts is the maximum number of ports of an attachment, over all of its host addresses.
const maxPorts = 1 << 20

// refuseOverlaps refuses mappings that claim the same port. There may be tens of thousands: they
// are sorted, not compared with each other.
func refuseOverlaps(all []mapping) error {
	if later, earlier, found := overlap(all); found {
		m, other := all[later], all[earlier]
		return fault.InvalidConfig(m.key, "%s: %s overlaps %s of %s", m.key, m, other, other.key)
	}
	ports := 0
	for _, m := range all {
		if ports += m.count; ports > maxPorts {
			return fault.InvalidConfig(m.key, "%s: more than %d ports in all", m.key, maxPorts)
		}
	}
	return nil
}

// claimed are the mappings of a protocol and family with the same host address, or all addresses.
type claimed struct {
	proto  protocol
	family family
	hostIP netip.Addr
}

// overlap returns the indexes of two mappings that overlap.
func overlap(all []mapping) (later, earlier int, found bool) {
	groups := map[claimed][]int{}
	for i, m := range all {
		for _, f := range families() {
			if m.in(f) {
				key := claimed{m.proto, f, m.hostIP}
				groups[key] = append(groups[key], i)
			}
		}
	}
	for _, group := range groups {
		slices.SortFunc(group,
			func(a, b int) int { return cmp.Compare(all[a].hostPort, all[b].hostPort) })
		for i := 1; i < len(group); i++ { // those before do not overlap, so that the last ends last
			if all[group[i-1]].overlaps(all[group[i]]) {
				return max(group[i-1], group[i]), min(group[i-1], group[i]), true
			}
		}
	}
	for key, group := range groups {
		wide := groups[claimed{proto: key.proto, family: key.family}]
		if !key.hostIP.IsValid() || len(wide) == 0 {
			continue
		}
		for _, i := range group {
			at := sort.Search(len(wide), func(n int) bool {
				return all[wide[n]].hostPort+all[wide[n]].count > all[i].hostPort
			})
			if at < len(wide) && all[wide[at]].overlaps(all[i]) {
				return max(wide[at], i), min(wide[at], i), true
			}
		}
	}
	return 0, 0, false
}
