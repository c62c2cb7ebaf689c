package router

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/plugin"
)

// A router ignores router advertisements on a link unless the link's accept_ra is 2. A host that
// becomes a router for its containers would lose its own default route when the lifetime of the
// route ends, or never get one.
const (
	acceptAsHost   = 1
	acceptAsRouter = "2"
	ignore         = "0"
)

// AliasPrefix begins the alias of the links of the host that we made.
const AliasPrefix = "libcni"

// leadsOutside are the kinds of links that connect a host with a network. Links of other kinds lead
// to containers, virtual machines or tunnels, whose advertisements a router rightly ignores.
var leadsOutside = map[string]bool{"": true, "bond": true, "team": true, "vlan": true,
	"macvlan": true, "ipvlan": true, "wwan": true, "ipoib": true, "hsr": true}

// isUplink reports whether a link leads outside by its kind.
func isUplink(l *rtnl.Link) bool { return leadsOutside[l.Kind] && !l.Loopback }

// Deaf returns the links of the host over which it configures itself by router advertisements, but
// not any more as a router: those that lead outside, bridges that such a link is a port of, and
// those of the default route and of advertised routes. Its cost grows with the number of links.
func Deaf(ctx context.Context, host *rtnl.Conn) ([]*rtnl.Link, error) {
	links, err := host.Links(ctx)
	if err != nil {
		return nil, err
	}
	routes, err := host.AdvertisedRoutes(ctx)
	if err != nil {
		return nil, err
	}
	listens := map[int]bool{}
	for _, r := range routes {
		listens[r.Link] = true
	}
	if route, err := host.DefaultRoute(ctx); err == nil {
		listens[route.Link] = true
	} else if !errors.Is(err, rtnl.ErrNotFound) {
		return nil, err
	}
	for _, l := range links {
		if isUplink(l) {
			listens[l.Index], listens[l.Master] = true, true
		}
	}
	return slices.DeleteFunc(links, func(l *rtnl.Link) bool {
		return !listens[l.Index] || l.AcceptRA != acceptAsHost
	}), nil
}

// hear makes links accept router advertisements on a host that forwards.
func hear(inv *plugin.Invocation, links ...*rtnl.Link) error {
	for _, l := range links {
		if err := putAcceptRA(inv, l.Name, acceptAsRouter, "the host ignores router advertisements "+
			"from it, and may lose or never get its IPv6 default route"); err != nil {
			return err
		}
	}
	return nil
}

// IgnoreAdvertisements makes a link of the host ignore router advertisements: the link leads to
// containers.
func IgnoreAdvertisements(inv *plugin.Invocation, link *rtnl.Link) error {
	if link.AcceptRA == 0 {
		return nil
	}
	return putAcceptRA(inv, link.Name, ignore, "containers can change the host's routes by router "+
		"advertisements if the host does not forward IPv6")
}

// CheckIgnored adds a link that leads to containers and accepts router advertisements. The
// executables leave them that setting.
func CheckIgnored(inv *plugin.Invocation, list *drift.List, object string, link *rtnl.Link) {
	if !inv.ByExecutable && link.AcceptRA > 0 && sysctl.Writable(acceptRA(link.Name)) {
		list.Differs(object+" accept_ra", ignore, fmt.Sprint(link.AcceptRA))
	}
}

// checkHeard adds the links that Deaf returns.
func checkHeard(ctx context.Context, inv *plugin.Invocation, list *drift.List,
	host *rtnl.Conn) error {
	if inv.ByExecutable {
		return nil
	}
	deaf, err := Deaf(ctx, host)
	for _, l := range deaf {
		if sysctl.Writable(acceptRA(l.Name)) {
			list.Differs("sysctl net/"+acceptRA(l.Name), acceptAsRouter, fmt.Sprint(l.AcceptRA))
		}
	}
	return err
}

// WarnOfDeaf warns of the links that Deaf returns on a host that forwards, for STATUS. What
// prevents the warning prevents nothing else.
func WarnOfDeaf(ctx context.Context, inv *plugin.Invocation) {
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return
	}
	if on, err := isForwarding(ctx, host, ipv6, forwarding6); err != nil || !on {
		return
	}
	deaf, _ := Deaf(ctx, host)
	for _, l := range deaf {
		inv.Warn("link %s: accept_ra is %d, so that the host, which forwards, ignores router "+
			"advertisements from it; run cni repair --all, or set 2, or 0 if that is intended", l.Name,
			l.AcceptRA)
	}
}

func acceptRA(link string) string { return sysctl.Link("ipv6", link, "accept_ra") }

// putAcceptRA does nothing if the kernel has no IPv6. Where it cannot be set, that is a warning.
func putAcceptRA(inv *plugin.Invocation, link, value, otherwise string) error {
	err := sysctl.Put(acceptRA(link), value)
	switch {
	case sysctl.Refused(err):
		inv.Warn("link %s: %v; %s", link, err, otherwise)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}
