package matrix

import (
	"slices"
	"strings"
)

// A setting is what a host is set up with. All its cells are probed on that host.
type setting struct {
	policy    string // of the networks on the container's bridge
	elsewhere string // policy of the network on the other bridge
	backend   string // of firewall and of ipMasq
	bridgeNF  string // whether bridged packets pass the packet filter: "0" or "1"
	foreign   string // another firewall of the host, which drops
	ports     string // whether the policies except published ports

	// Of the reference: what firewall does not accept before the other firewall.
	acceptsNothing, acceptsNoPorts bool
}

// Policies; noFirewall is a network without the plugin firewall.
const (
	noFirewall = "none"
	open       = "open"
	sameBridge = "same-bridge"
	isolated   = "isolated"
)

// Whether allowPublishedPorts is set.
const (
	portsObey = "published ports obey the policy"
	portsPass = "published ports pass the policy"
)

// Backends.
const (
	nftables  = "nftables"
	iptables  = "iptables"
	firewalld = "firewalld"
)

func policies() []string { return []string{noFirewall, open, sameBridge, isolated} }
func backends() []string { return []string{nftables, iptables, firewalld} }

func (s setting) String() string { return strings.Join(s.factors(), ", ") }

// factors returns the values by which pairs are formed.
func (s setting) factors() []string {
	return []string{"policy " + s.policy, "elsewhere " + s.elsewhere, "backend " + s.backend,
		"bridge-nf " + s.bridgeNF, s.foreign, s.ports}
}

// possible reports whether the setting exists: without firewall there is no backend firewalld, and
// published ports are excepted from policies alone.
func (s setting) possible() bool {
	if s.ports == portsPass && !(restricts(s.policy) && restricts(s.elsewhere)) {
		return false
	}
	if s.policy == noFirewall {
		return s.elsewhere == noFirewall && s.backend != firewalld
	}
	return s.elsewhere != noFirewall
}

// settings returns all settings.
func settings() []setting {
	var all []setting
	for _, p := range policies() {
		for _, e := range policies() {
			for _, b := range backends() {
				for _, nf := range []string{"0", "1"} {
					for _, f := range foreigns() {
						s := setting{policy: p, elsewhere: e, backend: b, bridgeNF: nf, foreign: f.name,
							ports: portsObey}
						all = append(all, s)
						s.ports = portsPass
						all = append(all, s)
					}
				}
			}
		}
	}
	return slices.DeleteFunc(all, func(s setting) bool { return !s.possible() })
}

type pair [2]string

// pairs returns the pairs of values that a setting has.
func (s setting) pairs() []pair {
	var all []pair
	values := s.factors()
	for i, a := range values {
		for _, b := range values[i+1:] {
			all = append(all, pair{a, b})
		}
	}
	return all
}

// covering selects settings that have every pair of values that any of them has. It takes the one
// with most new pairs each time, the first of several.
func covering(all []setting) []setting {
	missing := map[pair]bool{}
	for _, s := range all {
		for _, p := range s.pairs() {
			missing[p] = true
		}
	}
	var chosen []setting
	for len(missing) > 0 {
		gain := func(s setting) (n int) {
			for _, p := range s.pairs() {
				if missing[p] {
					n++
				}
			}
			return n
		}
		best := slices.MaxFunc(all, func(a, b setting) int { return gain(a) - gain(b) })
		for _, p := range best.pairs() {
			delete(missing, p)
		}
		chosen = append(chosen, best)
	}
	return chosen
}

// matching selects settings whose description has each of the words, which commas separate.
func matching(all []setting, words string) []setting {
	return slices.DeleteFunc(all, func(s setting) bool {
		for word := range strings.SplitSeq(words, ",") {
			if !strings.Contains(s.String(), strings.TrimSpace(word)) {
				return true
			}
		}
		return false
	})
}
