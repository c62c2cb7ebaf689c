package nft_test

import (
	"net/netip"
	"testing"

	"github.com/google/nftables/expr"

	"github.com/libcni/libcni/core/internal/host/nft"
)

// The texts are those of "nft list".
func TestTextOfRules(t *testing.T) {
	addresses := nft.Set{Table: nft.Own(nft.Inet), Name: "addresses", Key: []nft.Type{nft.IPv4Addr}}
	ports := nft.Set{Table: nft.Own(nft.Inet), Name: "ports",
		Key:  []nft.Type{nft.IPv6Addr, nft.InetProto, nft.InetService},
		Data: []nft.Type{nft.IPv6Addr, nft.InetService}}
	verdicts := nft.Set{Table: nft.Own(nft.Inet), Name: "verdicts", Key: []nft.Type{nft.IfName},
		Data: []nft.Type{nft.Verdict}}
	prefix := netip.MustParsePrefix
	for _, test := range []struct {
		want  string
		steps []nft.Expr
	}{
		{"ip saddr @addresses drop", nft.Do(nft.IsFamily(nft.IPv4), nft.In(addresses, nft.SrcAddr4()),
			nft.Drop())},
		{"meta nfproto ipv6 accept", nft.Do(nft.IsFamily(nft.IPv6), nft.Accept())},
		{"ip daddr != 10.1.0.0/16 masquerade", nft.Do(nft.NotInNetwork(nft.DstAddr4(),
			prefix("10.1.0.0/16")), nft.Masquerade())},
		{"ip6 saddr fd00::/61 return", nft.Do(nft.InNetwork(nft.SrcAddr6(), prefix("fd00::/61")),
			nft.Return())},
		{"tcp dport 80 jump x", nft.Do(nft.IsProto(6), nft.Is(nft.DstPort(), nft.Port(80)),
			nft.Jump(nft.Chain{Name: "x"}))},
		{"th sport 80-90 accept", nft.Do(nft.Between(nft.SrcPort(), nft.Port(80), nft.Port(90)),
			nft.Accept())},
		{"udp dport != 80-90 accept", nft.Do(nft.IsProto(17), nft.NotBetween(nft.DstPort(), nft.Port(80),
			nft.Port(90)), nft.Accept())},
		{`iifname "a b" oifname != "lo" goto x`, nft.Do(nft.Is(nft.InLink(), nft.Name("a b")),
			nft.IsNot(nft.OutLink(), nft.Name("lo")), nft.Goto(nft.Chain{Name: "x"}))},
		{"ct state established,related accept", nft.Do(nft.InState(nft.Established|nft.Related),
			nft.Accept())},
		{"ct status dnat ct direction reply accept",
			nft.Do(nft.WithStatus(nft.DestinationTranslated), nft.IsReply(), nft.Accept())},
		{"fib daddr type local accept", nft.Do(nft.ToLocal(), nft.Accept())},
		{"dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports",
			nft.RedirectFrom(ports, nft.IPv6, nft.DstAddr6(), nft.L4Proto(), nft.DstPort())},
		{"iifname vmap @verdicts", nft.VerdictFrom(verdicts, nft.InLink())},
		{"meta mark & 0x00002000 == 0x00002000 accept", nft.Do(nft.HasMark(0x2000), nft.Accept())},
		{"(Limit) (Quota) reject", []nft.Expr{&expr.Limit{}, &expr.Quota{}, &expr.Reject{}}},
	} {
		if got := (nft.Rule{Exprs: test.steps}).Text(); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}

func TestCounterOfRules(t *testing.T) {
	rule := nft.Rule{Exprs: []nft.Expr{&expr.Counter{Packets: 3, Bytes: 252}}}
	if packets, bytes, ok := rule.Counter(); packets != 3 || bytes != 252 || !ok {
		t.Errorf("%d packets, %d bytes, %v", packets, bytes, ok)
	}
	if _, _, ok := (nft.Rule{}).Counter(); ok {
		t.Error("a rule without counter counts")
	}
}

func TestTextOfElements(t *testing.T) {
	key := func(fields ...[]byte) []byte { return nft.Key(fields...) }
	network := nft.Range(netip.MustParsePrefix("fd00::/9"))
	last := nft.Addr(netip.MustParseAddr("10.0.0.9"))
	first := nft.Addr(netip.MustParseAddr("10.0.0.2"))
	for _, test := range []struct {
		want    string
		set     nft.Set
		element nft.Element
	}{
		{"10.0.0.2", nft.Set{Key: []nft.Type{nft.IPv4Addr}}, nft.Element{Key: first}},
		{"fd00::/9", nft.Set{Key: []nft.Type{nft.IPv6Addr}, Interval: true}, network},
		{"10.0.0.2-10.0.0.9", nft.Set{Key: []nft.Type{nft.IPv4Addr}, Interval: true},
			nft.Element{Key: first, Last: last}},
		{`"a \*" . 02:00:00:00:00:01`, nft.Set{Key: []nft.Type{nft.IfName, nft.EtherAddr}},
			nft.Element{Key: key(nft.Name(`a \*`), nft.MAC([]byte{2, 0, 0, 0, 0, 1}))}},
		{"10.0.0.2 . sctp . 80-90 : 10.0.0.9", nft.Set{Interval: true, Data: []nft.Type{nft.IPv4Addr},
			Key: []nft.Type{nft.IPv4Addr, nft.InetProto, nft.InetService}},
			nft.Element{Key: key(first, nft.Proto(132), nft.Port(80)),
				Last: key(first, nft.Proto(132), nft.Port(90)), Data: last}},
		{`"eth0" : jump x`, nft.Set{Key: []nft.Type{nft.IfName}, Data: []nft.Type{nft.Verdict}},
			nft.Element{Key: nft.Name("eth0"),
				Verdict: nft.VerdictOf{Code: nft.JumpVerdict, Chain: "x"}}},
		{"0x . 0x", nft.Set{Key: []nft.Type{nft.IPv4Addr, nft.InetService}}, nft.Element{}},
	} {
		if got := test.set.Text(test.element); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}
