package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/plugin"
)

// makesInterface reports whether a plugin of the list makes an interface of the requested name.
func (m *Manager) makesInterface(list *conf.List) bool {
	return slices.ContainsFunc(list.Plugins,
		func(p conf.Plugin) bool { return m.Runner.Traits(p.Type).MakesInterface })
}

// interfaceOwner returns the attachment that is known to have made the interface of a name in ns,
// or nil.
func (m *Manager) interfaceOwner(ctx context.Context, ns *netns.Namespace,
	ifName string) (*attachments.Entry, error) {
	entries, _, err := m.Store.ByContainer("", ifName)
	if err != nil {
		return nil, err
	}

	for _, entry := range entries {
		list, err := conf.Parse(entry.Config)
		if err == nil && !m.makesInterface(list) && ifName != "lo" {
			continue
		}
		if known, err := m.isKnownIn(ctx, entry, ns); err != nil || known {
			return entry, err
		}
	}
	return nil, nil
}

// recordedMAC returns the hardware address of the container's interface according to the result, or
// nil.
func recordedMAC(entry *attachments.Entry) net.HardwareAddr {
	result, err := plugin.ParseResult(entry.Result, entry.CNIVersion)
	if err != nil {
		return nil
	}

	value, err := result.Value()
	if err != nil {
		return nil
	}

	for _, i := range value.Interfaces {
		if i.Name == entry.IfName && i.Sandbox != "" {
			mac, _ := net.ParseMAC(i.Mac) // nil if it is not one
			return mac
		}
	}
	return nil
}

// refuseTakenLink stops an ADD whose interface name is taken by something the state does not know:
// a running container whose cache was lost must stay as it is.
func (m *Manager) refuseTakenLink(ctx context.Context, c *chain) error {
	if !m.makesInterface(c.list) {
		return nil
	}

	ifName := c.entry.IfName
	link, err := containerLink(ctx, c.links, ifName)
	if err != nil || link == nil {
		return err
	}

	owner, err := m.interfaceOwner(ctx, c.netns, ifName)
	if err != nil {
		return err
	}

	if owner == nil {
		return fault.New(fault.KindExists, nil,
			"netns %s already has an interface %s, which no known attachment made; "+
				"remove it or choose another ifName", c.netns.Path(), ifName)
	}

	e := fault.New(fault.KindExists, nil,
		"netns %s already has an interface %s, which belongs to container %s on network %s; "+
			"choose another ifName or detach that container first",
		c.netns.Path(), ifName, owner.ContainerID, owner.Network)
	e.Existing = Describe(owner)
	return e
}

// netnsOfUnknown returns the candidate that a DEL without an entry may use: none if the interface
// there is known to belong to another attachment. When a DEL is repeated, the process ID in its
// path may already be another container's.
func (m *Manager) netnsOfUnknown(ctx context.Context, key attachments.Key, list *conf.List,
	c Candidate) (Candidate, error) {
	if c.Path == "" {
		return c, nil
	}

	ns, err := m.open(c)
	switch {
	case errors.Is(err, netns.ErrOwn):
		return c, NamespaceError(c.Path, err)
	case err != nil: // Detach reports it
		return c, nil
	}

	if c.opened == nil {
		defer ns.Close()
	}

	owner, err := m.otherOwner(ctx, key, list, ns)
	if err != nil || owner == nil {
		return c, err
	}

	m.Events.Warn("", fmt.Sprintf("netns %s now belongs to container %s and is left alone", c.Path,
		owner.ContainerID))
	return Candidate{}, nil
}

// otherOwner returns the attachment other than key that is known to have made the interface in ns,
// or nil.
func (m *Manager) otherOwner(ctx context.Context, key attachments.Key, list *conf.List,
	ns *netns.Namespace) (*attachments.Entry, error) {
	link, err := m.linkIn(ctx, ns, key.IfName)
	if err != nil || link == nil {
		return nil, err
	}

	owner, err := m.interfaceOwner(ctx, ns, key.IfName)
	if err != nil || owner == nil {
		return nil, err
	}

	if owner.ContainerID == key.ContainerID && !m.makesInterface(list) {
		return nil, nil // key is a chain on top of the interface
	}
	return owner, nil
}
