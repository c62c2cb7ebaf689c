package rtnl_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/must"
)

func TestLinksOfAnyKind(t *testing.T) {
	host, container, ns := pair(t)
	lower, err := host.AddLink(t.Context(), rtnl.NewLink{Name: "lower", Kind: "ifb", MAC: macA,
		Up: true})
	must.Succeed(t, err)

	for _, test := range []struct {
		name string
		link rtnl.NewLink
		in   *rtnl.Conn
		data string
	}{
		{"without settings", rtnl.NewLink{Kind: "ifb", MTU: 1300}, host, ""},
		{"bridge", rtnl.NewLink{Kind: "bridge", Up: true}, host, ""},
		{"macvlan", rtnl.NewLink{Kind: "macvlan", Parent: lower.Index,
			Data: rtnl.Macvlan(rtnl.MacvlanBridge)}, host, "mode 4"},
		{"macvlan in a container", rtnl.NewLink{Kind: "macvlan", Parent: lower.Index,
			Data: rtnl.Macvlan(rtnl.MacvlanPrivate),
			MAC:  macB, Namespace: ns}, container, "mode 1"},
		{"vxlan", rtnl.NewLink{Kind: "vxlan", Data: rtnl.VXLAN(4711, 4789)}, host, "id 4711"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.link.Name = "new"
			if _, err := host.AddLink(t.Context(), test.link); err != nil {
				t.Fatal(err)
			}
			got := link(t, test.in, "new")
			defer func() { must.Succeed(t, test.in.DeleteLinkAndWait(t.Context(), got.Index)) }()

			if got.Kind != test.link.Kind || got.Up != test.link.Up || settings(got) != test.data {
				t.Errorf("got %+v with %q, want %q", got, settings(got), test.data)
			}
			if test.link.MTU != 0 && got.MTU != test.link.MTU {
				t.Errorf("mtu %d, want %d", got.MTU, test.link.MTU)
			}
			if test.link.Parent != 0 && got.Peer != test.link.Parent {
				t.Errorf("parent %d, want %d", got.Peer, test.link.Parent)
			}
			if diff := cmp.Diff(test.link.MAC, got.MAC); test.link.MAC != nil && diff != "" {
				t.Errorf("mac (-want +got):\n%s", diff)
			}
		})
	}
}

func settings(l *rtnl.Link) string {
	if mode, is := l.MacvlanMode(); is {
		return "mode " + rtnl.ScopeName(int(mode))
	}
	if id, is := l.VXLANID(); is {
		return "id " + rtnl.ScopeName(int(id))
	}
	return ""
}

func TestAddLinkDescribesWhatItMade(t *testing.T) {
	host, _, ns := pair(t)
	made, err := host.AddLink(t.Context(), rtnl.NewLink{Name: "new", Kind: "ifb"})
	must.Succeed(t, err)
	if diff := cmp.Diff(link(t, host, "new"), made); diff != "" {
		t.Errorf("the link (-looked up +returned):\n%s", diff)
	}

	if _, err := host.AddLink(t.Context(), rtnl.NewLink{Name: "new", Kind: "ifb"}); !errors.Is(err,
		rtnl.ErrExists) {
		t.Errorf("the name again: %v, want %v", err, rtnl.ErrExists)
	}
	if _, err := host.AddLink(t.Context(), rtnl.NewLink{Name: "other",
		Kind: "nosuch"}); !errors.Is(err, rtnl.ErrUnsupported) {
		t.Errorf("an unknown kind: %v, want %v", err, rtnl.ErrUnsupported)
	}
	if made, err := host.AddLink(t.Context(), rtnl.NewLink{Name: "inside", Kind: "ifb",
		Namespace: ns}); made != nil || err != nil {
		t.Errorf("in a container: %v, %v", made, err)
	}
}

func TestLinkMovesAndIsRenamedInOneRequest(t *testing.T) {
	host, container, ns := pair(t)
	made, err := host.AddLink(t.Context(), rtnl.NewLink{Name: "eth0", Kind: "ifb", MAC: macA})
	must.Succeed(t, err)
	_, err = container.AddLink(t.Context(), rtnl.NewLink{Name: "eth0", Kind: "ifb"})
	must.Succeed(t, err)

	must.Succeed(t,
		host.SetLink(t.Context(), made.Index, rtnl.Change{Name: "net1", Namespace: ns, Up: true}))
	if _, err := host.LinkByName(t.Context(), "eth0"); !errors.Is(err, rtnl.ErrNotFound) {
		t.Errorf("on the host: %v, want %v", err, rtnl.ErrNotFound)
	}
	if moved := link(t, container, "net1"); moved.MAC.String() != macA.String() || !moved.Up {
		t.Errorf("in the container: %+v", moved)
	}
	if again := container.SetLink(t.Context(), link(t, container, "net1").Index,
		rtnl.Change{Name: "eth0"}); !errors.Is(again, rtnl.ErrExists) {
		t.Errorf("a name that is taken: %v, want %v", again, rtnl.ErrExists)
	}
}

func TestChangeSetsMaster(t *testing.T) {
	host, _, _ := pair(t)
	port, err := host.AddLink(t.Context(), rtnl.NewLink{Name: "port", Kind: "ifb"})
	must.Succeed(t, err)
	other, err := host.AddLink(t.Context(), rtnl.NewLink{Name: "br", Kind: "bridge", Up: true})
	must.Succeed(t, err)
	must.Succeed(t, host.SetLink(t.Context(), port.Index, rtnl.Change{Master: other.Index, Up: true}))
	if got := link(t, host, "port"); got.Master != other.Index || !got.Up {
		t.Errorf("got %+v, want a port of %d", got, other.Index)
	}
}

// An address without its prefix's route, and a route with a source, are what a point-to-point link
// needs.
func TestAddressWithoutPrefixRouteAndRouteWithSource(t *testing.T) {
	host, container, ns := pair(t)
	bridged(t, host, ns)
	eth0 := link(t, container, "eth0").Index
	address := netip.MustParsePrefix("10.9.0.2/24")
	gateway := netip.MustParseAddr("10.9.0.1")
	must.Succeed(t, container.Configure(t.Context(), eth0, rtnl.Change{Up: true},
		[]rtnl.Address{{Prefix: address, NoPrefixRoute: true},
			{Prefix: netip.MustParsePrefix("2001:db8::2/64"), NoDAD: true, NoPrefixRoute: true}},
		[]rtnl.Route{
			{Dst: netip.PrefixFrom(gateway, 32), Link: eth0, Scope: rtnl.ScopeLink, Source: address.Addr()},
			{Dst: address.Masked(), Gateway: gateway, Link: eth0, Source: address.Addr()},
		}))

	addresses, err := container.Addresses(t.Context(), eth0)
	must.Succeed(t, err)
	for _, a := range addresses {
		if !a.LinkLocal && !a.NoPrefixRoute {
			t.Errorf("address %s: the kernel makes a route to its prefix", a.Prefix)
		}
	}

	routes, err := container.Routes(t.Context(), eth0)
	must.Succeed(t, err)
	var got []string
	for _, r := range routes {
		if r.Dst.Addr().Is4() {
			r.Table = 0
			got = append(got, r.String())
		}
	}
	want := []string{"10.9.0.0/24 via 10.9.0.1 src 10.9.0.2", "10.9.0.1/32 src 10.9.0.2 scope link"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}

	reached, err := container.RouteGet(t.Context(), gateway)
	must.Succeed(t, err)
	if reached.Link != eth0 || reached.Source != address.Addr() || reached.Local {
		t.Errorf("route to %s: %+v", gateway, reached)
	}
	own, err := container.RouteGet(t.Context(), address.Addr())
	must.Succeed(t, err)
	if !own.Local {
		t.Errorf("route to its own address: %+v", own)
	}
}
