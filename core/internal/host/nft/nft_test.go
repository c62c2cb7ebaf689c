package nft_test

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"libcni/core/internal/host/netns/netnstest"
	"libcni/core/internal/host/nft"
)

func list(t *testing.T, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("nft", append([]string{"-s", "list"}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("nft list %v: %v: %s", arguments, err, out)
	}
	return string(out)
}

func update(t *testing.T, state string, change func(tx *nft.Tx) error) {
	t.Helper()
	if err := nft.Update(context.Background(), state, change); err != nil {
		t.Fatal(err)
	}
}

var (
	inet    = nft.Own(nft.Inet)
	post    = nft.Chain{Table: inet, Name: "post", Type: "nat", Hook: nft.Postrouting, Priority: nft.PrioritySrcNAT}
	forward = nft.Chain{Table: inet, Name: "forward", Hook: nft.Forward, Drop: true}
	pre     = nft.Chain{Table: inet, Name: "pre", Type: "nat", Hook: nft.Prerouting, Priority: nft.PriorityDstNAT}
	side    = nft.Chain{Table: inet, Name: "side"}
	sources = nft.Set{Table: inet, Name: "sources", Key: []nft.Type{nft.IPv4Addr}, Comment: "who"}
	nets    = nft.Set{Table: inet, Name: "nets", Key: []nft.Type{nft.IPv6Addr}, Interval: true}
	ports   = nft.Set{Table: inet, Name: "ports", Key: []nft.Type{nft.InetProto, nft.InetService}, Data: []nft.Type{nft.IPv4Addr, nft.InetService}}
	ports6  = nft.Set{Table: inet, Name: "ports6", Key: []nft.Type{nft.InetProto, nft.InetService}, Data: []nft.Type{nft.IPv6Addr, nft.InetService}}
	ways    = nft.Set{Table: inet, Name: "ways", Key: []nft.Type{nft.IfName}, Data: []nft.Type{nft.Verdict}}
	claims  = nft.Set{Table: inet, Name: "claims", Key: []nft.Type{nft.InetProto, nft.IPv4Addr, nft.InetService}, Interval: true}
	owner   = nft.Owner{Network: "web", ContainerID: "c1", IfName: "eth0"}
	other   = nft.Owner{Network: "web", ContainerID: "c2", IfName: "eth0"}
)

func rules() []nft.Rule {
	return []nft.Rule{
		{Chain: post, Comment: "one", Exprs: nft.Do(nft.IsFamily(nft.IPv4), nft.In(sources, nft.SrcAddr4()), nft.NotInNetwork(nft.DstAddr4(), netip.MustParsePrefix("10.0.0.0/9")), nft.Masquerade())},
		{Chain: post, Exprs: nft.Do(nft.IsFamily(nft.IPv6), nft.NotIn(nets, nft.DstAddr6()), nft.CountPackets(), nft.Masquerade())},
		{Chain: pre, Exprs: nft.Do(nft.IsFamily(nft.IPv4), nft.ToLocal(), nft.RedirectFrom(ports, nft.IPv4, nft.L4Proto(), nft.DstPort()))},
		{Chain: pre, Exprs: nft.Do(nft.IsFamily(nft.IPv6), nft.ToLocal(), nft.RedirectFrom(ports6, nft.IPv6, nft.L4Proto(), nft.DstPort()))},
		{Chain: forward, Exprs: nft.Do(nft.InState(nft.Established|nft.Related), nft.Accept())},
		{Chain: forward, Exprs: nft.Do(nft.WithStatus(nft.DestinationTranslated), nft.Accept())},
		{Chain: forward, Exprs: nft.VerdictFrom(ways, nft.OutLink())},
		{Chain: forward, Exprs: nft.Do(nft.HasMark(0x2000), nft.IsNot(nft.InLink(), nft.Name("lo")), nft.Goto(side))},
		{Chain: side, Exprs: nft.Do(nft.IsProto(17), nft.Is(nft.DstPort(), nft.Port(53)), nft.SetMark(0x2000), nft.Return())},
		{Chain: side, Exprs: nft.Do(nft.IsFamily(nft.IPv4), nft.In(claims, nft.L4Proto(), nft.DstAddr4(), nft.DstPort()), nft.Drop())},
	}
}

func everything(tx *nft.Tx) error {
	tx.Ensure(post, forward, pre, side, sources, nets, ports, ports6, ways, claims)
	var errs []error
	for _, r := range rules() {
		errs = append(errs, tx.EnsureRule(r))
	}
	return errors.Join(append(errs,
		tx.Claim(sources, owner, nft.Element{Key: nft.Addr(netip.MustParseAddr("10.1.0.2"))}),
		tx.Put(nets, nft.Range(netip.MustParsePrefix("ff00::/8"))),
		tx.Put(nets, nft.Range(netip.MustParsePrefix("fd00:1::/64"))),
		tx.Claim(ports, owner, nft.Element{Key: nft.Key(nft.Proto(6), nft.Port(80)), Data: nft.Key(nft.Addr(netip.MustParseAddr("10.1.0.2")), nft.Port(8080))}),
		tx.Claim(ports6, owner, nft.Element{Key: nft.Key(nft.Proto(6), nft.Port(80)), Data: nft.Key(nft.Addr(netip.MustParseAddr("fd00::2")), nft.Port(8080))}),
		tx.Put(ways, nft.Element{Key: nft.Name("cni0"), Verdict: nft.VerdictOf{Code: nft.JumpVerdict, Chain: "side"}}),
		tx.Put(claims, nft.Element{Key: nft.Key(nft.Proto(6), nft.Addr(netip.MustParseAddr("0.0.0.0")), nft.Port(80)), Last: nft.Key(nft.Proto(6), nft.Addr(netip.MustParseAddr("255.255.255.255")), nft.Port(90)), Comment: owner.Comment()}),
	)...)
}

func TestEverythingAtOnce(t *testing.T) {
	netnstest.Host(t)
	state := t.TempDir()
	update(t, state, everything)
	first := list(t, "ruleset")
	t.Log(first)
	update(t, state, everything)
	if diff := cmp.Diff(first, list(t, "ruleset")); diff != "" {
		t.Errorf("the second time changes something (-want +got):\n%s", diff)
	}
}
