package portmap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// A process of the host that connects to a published port on 127.0.0.1 has the source address
// 127.0.0.1, which the kernel lets through another link than lo only if that link's route_localnet
// is on. But route_localnet opens the host's services on 127.0.0.1 to the containers behind the
// link, unless a rule drops their packets, and a rule goes with "nft flush ruleset". So
// route_localnet stays off: before the kernel tracks the connection, its packets get a source
// address that is an ordinary one of the host, and before a socket receives the answers, they get
// 127.0.0.1 back as destination. Without the rules nothing is open.

// loopbackStandIn is the source address in place of 127.0.0.1: the dummy address of RFC 7600, which
// no other host has. A route makes it an address of this host.
func loopbackStandIn() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 0, 8}) }

func localhost() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// ofLoopback are the rules for clients on 127.0.0.1. Only answers get it back: whoever sends to the
// stand-in on his own account does not reach 127.0.0.1.
func ofLoopback() []nft.Rule {
	rules := []nft.Rule{
		{
			Chain: loopbackOutput(),
			Exprs: nft.Do(nft.IsFamily(nft.IPv4), nft.Is(nft.SrcAddr4(), nft.Addr(localhost())),
				nft.ToLocal(), nft.Jump(loopbackSource())),
		},
		{
			Chain: loopbackInput(),
			Exprs: nft.Do(nft.IsFamily(nft.IPv4), nft.Is(nft.DstAddr4(), nft.Addr(loopbackStandIn())),
				nft.IsReply(), nft.SetDstAddr4(localhost())),
		},
		{
			Chain: masquerading(),
			Exprs: nft.Do(nft.IsFamily(nft.IPv4), nft.Is(nft.SrcAddr4(), nft.Addr(loopbackStandIn())),
				nft.Masquerade()),
		},
	}
	return append(rules, standingIn(hostClaims(v4), nft.DstAddr4(), nft.L4Proto(), nft.DstPort()),
		standingIn(claims(v4), nft.L4Proto(), nft.DstPort()))
}

// ofLoopbackRanges are the rules for clients on 127.0.0.1 of ranges of a protocol.
func ofLoopbackRanges(proto protocol) []nft.Rule {
	return []nft.Rule{
		standingIn(hostRangeClaims(v4, proto), nft.DstAddr4(), nft.DstPort()),
		standingIn(rangeClaims(v4, proto), nft.DstPort()),
	}
}

// standingIn is the rule that replaces the source address of packets to ports in a set of claims.
func standingIn(s set, key ...nft.Field) nft.Rule {
	steps := nft.IsFamily(nft.IPv4)
	if s.proto != 0 {
		steps = nft.Do(steps, nft.IsProto(byte(s.proto)))
	}
	return nft.Rule{
		Chain: loopbackSource(),
		Exprs: nft.Do(steps, nft.In(s.Set, key...), nft.SetSrcAddr4(loopbackStandIn())),
	}
}

// guards are the rules that drop packets with a loopback address that arrive through another link
// than lo. Something else may have turned route_localnet on, as version 0.1 did.
func guards() (rules []nft.Rule) {
	for _, address := range []nft.Field{nft.DstAddr4(), nft.SrcAddr4()} {
		rules = append(
			rules,
			nft.Rule{
				Chain: loopback(),
				Exprs: nft.Do(nft.IsNot(nft.InLink(), nft.Name("lo")), nft.IsFamily(nft.IPv4),
					nft.InNetwork(address, loopbackNetwork()), nft.Drop()),
			},
		)
	}
	return rules
}

// hasStandIn reports whether the stand-in is an address of the host.
func hasStandIn(ctx context.Context, host *rtnl.Conn) (bool, error) {
	route, err := host.RouteGet(ctx, loopbackStandIn())
	if rtnl.IsUnreachable(err) {
		return false, nil
	}
	return err == nil && route.Local, err
}

// addStandIn makes the stand-in an address of the host by a route. The route is shared and stays.
func addStandIn(ctx context.Context, inv *plugin.Invocation) error {
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	if there, err := hasStandIn(ctx, host); there || err != nil {
		return err
	}
	lo, err := host.LinkByName(ctx, "lo")
	if err != nil {
		return err
	}
	err = host.AddRoute(ctx, rtnl.Route{
		Dst:  netip.PrefixFrom(loopbackStandIn(), 32),
		Link: lo.Index, Local: true, Scope: rtnl.ScopeHost,
	})
	if errors.Is(err, rtnl.ErrExists) { // another call was faster
		return nil
	}
	return err
}

// closeLoopback turns route_localnet off that version 0.1 turned on for the container, if the set
// that recorded that is gone: on a bridge that the built-in bridge made, it was libcni in any case.
func (p *plan) closeLoopback(ctx context.Context, inv *plugin.Invocation) error {
	if !p.address4().IsValid() {
		return nil
	}
	link, err := linkTo(ctx, inv, p.address4())
	if rtnl.IsUnreachable(err) || errors.Is(err, rtnl.ErrNotFound) {
		return nil // the link is gone, and its settings with it
	}
	if err != nil {
		return fmt.Errorf("container address %s: look up its link: %w", p.address4(), err)
	}
	value, err := sysctl.Get(routeLocalnet(link))
	if errors.Is(err, fs.ErrNotExist) || err == nil && value != "1" {
		return nil
	}
	if err != nil {
		inv.Warn("link %s: cannot see whether route_localnet is on, which libcni 0.1 turned on: %v; "+
			"turn it off with: sysctl -w net.ipv4.conf.%s.route_localnet=0", link, err, link)
		return nil
	}
	if ours, err := isBuiltinBridge(ctx, inv, link); !ours || err != nil {
		return err
	}
	recorded := false
	err = nft.View(ctx, func(r *nft.Reader) (err error) {
		recorded, err = r.HasSet(localnet(link).Set)
		return err
	})
	if recorded || err != nil {
		return filter.IgnoreUnsupported(err)
	}
	return setRouteLocalnet(link, false)
}

// withStandIn returns conditions that treat the stand-in as the condition treats 127.0.0.1, for
// which it stands. In most cases that is the condition itself.
func (c condition) withStandIn() []condition {
	client, standIn := true, true
	var others condition
	for _, m := range c {
		if m.field != "ip saddr" {
			others = append(others, m)
			continue
		}
		client = client && m.holds(localhost())
		standIn = standIn && m.holds(loopbackStandIn())
	}
	is := match{field: "ip saddr", value: value{first: nft.Addr(loopbackStandIn())}}
	switch {
	case client && !standIn:
		return []condition{c, append(others, is)}
	case standIn && !client:
		is.not = true
		return []condition{append(slices.Clone(c), is)}
	default:
		return []condition{c}
	}
}

// holds reports whether a match of an address holds for one.
func (m match) holds(a netip.Addr) bool {
	address := a.AsSlice()
	matches := bytes.Equal(address, m.value.first)
	switch {
	case m.value.network.IsValid():
		matches = m.value.network.Contains(a)
	case m.value.last != nil:
		matches = bytes.Compare(m.value.first, address) <= 0 &&
			bytes.Compare(address, m.value.last) <= 0
	}
	return matches != m.not
}
