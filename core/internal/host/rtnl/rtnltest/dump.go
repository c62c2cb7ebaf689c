// Package rtnltest describes the content of a network namespace, for tests, as text that a person
// can read and a test can compare.
package rtnltest

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/rtnl"
)

// Dump lists the links of the connection's namespace except lo, by name, each followed by its
// addresses, routes and VLANs. It omits link-local and multicast objects, which the kernel makes,
// and indexes and MAC addresses.
func Dump(t testing.TB, conn *rtnl.Conn) string {
	t.Helper()
	ctx := context.Background()
	links, err := conn.Links(ctx)
	if err != nil {
		t.Fatal(err)
	}
	names := map[int]string{}
	filters := map[int]bool{}
	for _, l := range links {
		names[l.Index] = l.Name
		filters[l.Index] = l.Bridge != nil && l.Bridge.VLANFiltering
	}
	sort.Slice(links, func(i, j int) bool { return links[i].Name < links[j].Name })
	var out strings.Builder
	for _, l := range links {
		if l.Loopback || l.Kind == "ifb" {
			continue
		}
		out.WriteString(describe(l, names) + "\n")
		for _, line := range contents(t, ctx, conn, l.Index) {
			out.WriteString("  " + line + "\n")
		}
		if filters[l.Master] { // otherwise memberships are there and mean nothing
			for _, line := range vlans(t, ctx, conn, l.Index) {
				out.WriteString("  " + line + "\n")
			}
		}
	}
	return out.String()
}

func describe(l *rtnl.Link, names map[int]string) string {
	words := []string{l.Name, l.Kind, fmt.Sprintf("mtu %d", l.MTU)}
	add := func(is bool, word string) {
		if is {
			words = append(words, word)
		}
	}
	add(l.Up, "up")
	add(l.Promiscuous, "promisc")
	add(l.Master != 0, "master "+names[l.Master])
	add(l.Bridge != nil && l.Bridge.VLANFiltering, "vlan_filtering")
	add(l.Port != nil && l.Port.Hairpin, "hairpin")
	add(l.Port != nil && l.Port.Isolated, "isolated")
	return strings.Join(words, " ")
}

func contents(t testing.TB, ctx context.Context, conn *rtnl.Conn, index int) []string {
	t.Helper()
	var lines []string
	addresses, err := conn.Addresses(ctx, index)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if !a.LinkLocal {
			lines = append(lines, "address "+a.Prefix.String())
		}
	}
	routes, err := conn.Routes(ctx, index)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		if r.Gateway.IsValid() || r.Table != 254 {
			lines = append(lines, "route "+route(r))
		}
	}
	return lines
}

// route omits the main table, and what the kernel sets by itself.
func route(r rtnl.Route) string {
	if r.Table == 254 {
		r.Table = 0
	}
	if r.Dst.Addr().Is6() && r.Priority == 1024 {
		r.Priority = 0
	}
	return r.String()
}

func vlans(t testing.TB, ctx context.Context, conn *rtnl.Conn, index int) []string {
	t.Helper()
	ports, err := conn.PortVLANs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range ports {
		if p.Index != index || p.Master == 0 {
			continue
		}
		for _, v := range p.VLANs {
			line := fmt.Sprintf("vlan %d", v.ID)
			if v.PVID {
				line += " pvid"
			}
			if v.Untagged {
				line += " untagged"
			}
			lines = append(lines, line)
		}
	}
	return lines
}
