package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// mainTable is the routing table that ip(8) does not name.
const mainTable = 254

// linkSight shows the links of the host that belong to an attachment, and how the host reaches it.
type linkSight struct {
	host  *rtnl.Conn
	found func(plugin.Object)
	shown map[int]bool // indexes of links
}

// showLinks shows the host's links of the result, the routes to the container's addresses, and the
// links that these lead through.
func (c *chain) showLinks(ctx context.Context, result *plugin.Result, sight Sight) error {
	host, err := c.links.Host(ctx)
	if err != nil {
		return err
	}
	s := &linkSight{host: host, shown: map[int]bool{},
		found: func(object plugin.Object) { sight.Found("", object) }}

	made := &types100.Result{}
	if result != nil {
		if made, err = result.Value(); err != nil {
			return err
		}
	}
	return errors.Join(s.links(ctx, c.entry.HostIfName, made), s.routes(ctx, made))
}

func (s *linkSight) links(ctx context.Context, recorded string, made *types100.Result) error {
	var all []types100.Interface
	for _, link := range made.Interfaces {
		if link.Sandbox == "" && link.Name != "" {
			all = append(all, *link)
		}
	}
	isRecorded := func(i types100.Interface) bool { return i.Name == recorded }
	if recorded != "" && !slices.ContainsFunc(all, isRecorded) {
		all = append(all, types100.Interface{Name: recorded})
	}

	for _, was := range all {
		if err := s.recordedLink(ctx, was); err != nil {
			return err
		}
	}
	return nil
}

// recordedLink shows a link of the result. Another link that has its name by now is not shown.
func (s *linkSight) recordedLink(ctx context.Context, was types100.Interface) error {
	link, err := s.host.CountedLink(ctx, was.Name)
	if errors.Is(err, rtnl.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	shared := link.Bridge != nil
	if !shared && was.Mac != "" && !strings.EqualFold(was.Mac, link.MAC.String()) {
		return nil
	}
	return s.link(ctx, link, !shared)
}

// link shows a link once. What the host sends to the container's own link, the container receives.
func (s *linkSight) link(ctx context.Context, link *rtnl.Link, own bool) error {
	if s.shown[link.Index] {
		return nil
	}
	s.shown[link.Index] = true

	state := &plugin.LinkState{Index: link.Index, Type: link.Kind, MAC: link.MAC.String(),
		MTU: link.MTU, Up: link.Up, Carrier: link.Operational}
	object := plugin.Object{Kind: plugin.LinkObject, Name: link.Name, Scope: plugin.OfHost,
		Link: state}
	if own {
		object.Scope = plugin.OfAttachment
	}
	if own && link.Traffic != nil {
		received, sent := plugin.Counter(link.Traffic.Sent), plugin.Counter(link.Traffic.Received)
		state.Received, state.Sent = &received, &sent
	}
	if err := s.master(ctx, link, state); err != nil {
		return err
	}
	object.Text = linkText(state)
	s.found(object)
	return nil
}

func (s *linkSight) master(ctx context.Context, link *rtnl.Link, state *plugin.LinkState) error {
	if link.Master == 0 {
		return nil
	}
	master, err := s.host.LinkByIndex(ctx, link.Master)
	if errors.Is(err, rtnl.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	state.Master = master.Name
	if master.Bridge == nil || !master.Bridge.VLANFiltering {
		return nil
	}

	ports, err := s.host.PortVLANs(ctx)
	for _, port := range ports {
		if port.Index == link.Index {
			state.VLANs = vlanTexts(port.VLANs)
		}
	}
	return err
}

// vlanTexts joins memberships that follow each other.
func vlanTexts(vlans []rtnl.VLAN) (texts []string) {
	for i := 0; i < len(vlans); {
		first, n := vlans[i], 1
		for i+n < len(vlans) && vlans[i+n] == (rtnl.VLAN{ID: first.ID + n, PVID: first.PVID,
			Untagged: first.Untagged}) {
			n++
		}
		text := fmt.Sprint(first.ID)
		if n > 1 {
			text += fmt.Sprintf("-%d", first.ID+n-1)
		}
		if first.Untagged {
			text += " untagged"
		}
		texts = append(texts, text)
		i += n
	}
	return texts
}

// linkText is the state of a link as ip(8) words it.
func linkText(l *plugin.LinkState) string {
	words := []string{fmt.Sprintf("index %d", l.Index)}
	if l.Type != "" {
		words = append(words, l.Type)
	}
	words = append(words, fmt.Sprintf("mtu %d", l.MTU))
	if l.MAC != "" {
		words = append(words, "address "+l.MAC)
	}
	if l.Master != "" {
		words = append(words, "master "+l.Master)
	}
	for _, vlan := range l.VLANs {
		words = append(words, "vlan "+vlan)
	}
	switch {
	case !l.Up:
		words = append(words, "down")
	case !l.Carrier:
		words = append(words, "up, no carrier")
	default:
		words = append(words, "up")
	}
	return strings.Join(words, " ")
}

// routes shows the route that the host takes to each address of the container.
func (s *linkSight) routes(ctx context.Context, made *types100.Result) error {
	var seen []string
	for _, prefix := range ipam.Prefixes(made.IPs) {
		route, err := s.host.RouteTo(ctx, prefix.Addr())
		if rtnl.IsUnreachable(err) || errors.Is(err, rtnl.ErrNotFound) {
			continue // CHECK reports a route that is missing
		}
		if err != nil {
			return err
		}
		link, err := s.host.LinkByIndex(ctx, route.Link)
		if err != nil {
			return err
		}
		if route.Table == mainTable {
			route.Table = 0
		}
		if !leadsHome(route, prefix) || slices.Contains(seen, route.String()+link.Name) {
			continue
		}
		seen = append(seen, route.String()+link.Name)
		if err := s.route(ctx, route, link); err != nil {
			return err
		}
	}
	return nil
}

// leadsHome reports whether a route leads to the container's network. One that is less specific,
// such as the default route, leads elsewhere: nothing of the attachment is on the host.
func leadsHome(route rtnl.Route, address netip.Prefix) bool {
	return route.Dst.Bits() > 0 && !route.Gateway.IsValid() && route.Dst.Contains(address.Addr())
}

// route shows a route, its link, and the addresses of the link.
func (s *linkSight) route(ctx context.Context, route rtnl.Route, link *rtnl.Link) error {
	if err := s.link(ctx, link, false); err != nil {
		return err
	}
	addresses, err := s.host.Addresses(ctx, link.Index)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if a.LinkLocal || a.Prefix.Addr().Is4() != route.Dst.Addr().Is4() {
			continue
		}
		s.found(plugin.Object{Kind: plugin.AddressObject, Name: link.Name, Text: a.Prefix.String(),
			Scope: plugin.OfHost})
	}
	s.found(plugin.Object{Kind: plugin.RouteObject, Name: link.Name, Text: route.String(),
		Scope: plugin.OfHost})
	return nil
}
