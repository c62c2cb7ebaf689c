package nft

import (
	"slices"
	"strings"
)

// IsKeyword reports whether a name is a word of nft's language. nft lists a chain of such a name
// and cannot read the listing back.
func IsKeyword(name string) bool {
	return slices.Contains(strings.Fields(keywords), name)
}

// keywords are the words that nft 1.0.6 to 1.1.3 does not take for the name of a chain, and some
// of later versions.
const keywords = `
	accept add ah all and arp auto-merge bridge cgroup chain comment comp constant continue
	counter cpu create ct day dccp define delete describe destroy device devices dnat drop dst
	dup dynamic ecn element elements eq esp ether exists expires export exthdr fib flags flow
	flowtable flush frag fwd gc-interval ge geneve get goto gre gretap gt handle hbh hook hour
	ibriport ibrname icmp icmpv6 igmp iif iifgroup iifname iiftype import include index inet
	insert interval ip ip6 ipsec jhash jump last le limit list log lshift lt map mark
	masquerade meta meter mh missing monitor ne netdev nftrace not notrack numgen obriport
	obrname offload oif oifgroup oifname oiftype or osf pkttype policy position priority queue
	quota random redefine redirect reject rename replace reset return rshift rt rt0 rt2
	rtclassid rule ruleset sctp secmark set size skgid skuid snat socket srh symhash synproxy
	table tcp th time timeout tproxy type typeof udp udplite undefine update vlan vmap vni
	vxlan xor xt`
