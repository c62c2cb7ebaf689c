package firewall

import (
	"testing"

	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// Earlier builds accepted published ports before policies, which differs only where there is one.
func TestCheckAcceptsRulesOfEarlierBuildsUnlessAPolicyDiffers(t *testing.T) {
	const earlier = `flush chain inet libcni firewall
add rule inet libcni firewall jump firewall-admin comment "the administrator's rules"
add rule inet libcni firewall ct status dnat accept comment "published ports"
add rule inet libcni firewall jump firewall-isolation comment "ingressPolicy"
add rule inet libcni firewall ct state established,related accept comment "answers"
add rule inet libcni firewall jump firewall-networks comment "from containers"
`
	r := newRig(t)
	open, restricted := kittest.Paper("a", 2), kittest.Paper("b", 3)
	r.add(open, "")
	kittest.Feed(r.T, earlier, "nft", "-f", "-")
	kittest.Same(r.T, "drift without a policy", []string(nil), r.drift(open, ""))

	const policy = `"ingressPolicy":"same-bridge"`
	r.add(restricted, policy)
	kittest.Feed(r.T, earlier, "nft", "-f", "-")
	kittest.Same(r.T, "drift with a policy", []string{"firewall: nftables rule " +
		`"published ports excepted from ingressPolicy" in chain firewall: missing, not present`},
		r.drift(restricted, policy))
}
