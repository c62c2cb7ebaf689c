package nft

import (
	"net/netip"
	"testing"
)

// A chain of many rules is compared with many wanted ones. What each does is encoded once.
func TestPreparedRulesAreEncodedOnce(t *testing.T) {
	chain := Chain{Table: Table{Family: Inet, Name: "t"}, Name: "c"}
	network := func(text string) Rule {
		return Rule{Chain: chain, Exprs: Do(IsFamily(IPv4),
			InNetwork(SrcAddr4(), netip.MustParsePrefix(text)), Accept())}
	}
	rule := network("10.1.0.0/16")
	saved := rule
	saved.Exprs = bytewise(asNft(rule.Exprs)) // what another version of nft makes of it
	for name, test := range map[string]struct {
		other Rule
		equal bool
	}{
		"the same":        {network("10.1.0.0/16"), true},
		"in another form": {saved, true},
		"another one":     {network("10.2.0.0/16"), false},
	} {
		if got := rule.equal(test.other); got != test.equal {
			t.Errorf("%s: equal %t, want %t", name, got, test.equal)
		}
		own, other := rule.Prepared(), test.other.Prepared()
		if allocations := testing.AllocsPerRun(10, func() { _ = own.equal(other) }); allocations > 0 {
			t.Errorf("%s: %.0f allocations to compare them again", name, allocations)
		}
	}
}
