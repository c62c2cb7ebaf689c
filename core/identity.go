package core

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"syscall"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

// key returns the attachment that the request names on a network, or an error that says which name is not allowed.
func (s *scope) key(network string) (attachments.Key, error) {
	setDefault(&s.IfName, defaultIfName)
	key := attachments.Key{Network: network, ContainerID: s.ContainerID, IfName: s.IfName}
	return key, conf.ValidateIDs(network, s.ContainerID, s.IfName)
}

// openNetns opens the namespace of a request that cannot do without one.
func (s *scope) openNetns() (*netns.Namespace, error) {
	if s.Netns == "" {
		return nil, fault.InvalidRequest("netns", "netns is missing: give the path of the container's network namespace, such as /proc/PID/ns/net or /run/netns/NAME")
	}
	ns, err := s.open(s.Netns)
	if err != nil {
		return nil, namespaceError(s.Netns, err)
	}
	ns.PrefetchSocket()
	return ns, nil
}

// expect opens the namespace of the request, if it can, and has ask begin to learn about it while the state is read. It
// goes to whoever opens that path next.
func (s *scope) expect(ask func(*netns.Namespace)) {
	if s.Netns == "" || s.expected != nil {
		return
	}
	if ns, err := netns.Open(s.Netns, s.engine.threads); err == nil {
		ask(ns)
		s.expected = ns
	}
}

func (s *scope) open(path string) (*netns.Namespace, error) {
	if ns := s.expected; ns != nil && path == ns.Path() {
		s.expected = nil
		return ns, nil
	}
	return netns.Open(path, s.engine.threads)
}

func namespaceError(path string, err error) error {
	switch {
	case errors.Is(err, netns.ErrOwn):
		return fault.New(fault.KindNotANamespace, nil, "netns %s is the caller's own network namespace; give the container's", path)
	case errors.Is(err, netns.ErrNotNamespace):
		return fault.New(fault.KindNotANamespace, nil, "netns %s is not a network namespace", path)
	case errors.Is(err, netns.ErrRelative):
		return fault.InvalidRequest("netns", "netns %q is not an absolute path", path)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.KindNamespaceNotFound, nil, "netns %s does not exist; has the container ended?", path)
	default: // it may well be there
		return fault.From(err, fault.KindState)
	}
}

// presence is what is known of the namespace an entry was made in.
type presence int

const (
	gone   presence = iota // it does not exist any more, for certain
	hidden                 // no path leads to it; it may exist still
	there
)

// locate opens the namespace that an entry was made in. Paths are only hints: the first of them that leads to the
// very namespace counts, known by its cookie, never by path or inode, which are used again.
func (s *scope) locate(ctx context.Context, entry *attachments.Entry, paths ...string) (*netns.Namespace, presence, error) {
	if entry.BootID != "" && s.bootID != "" && entry.BootID != s.bootID {
		return nil, gone, nil
	}
	found := hidden
	for _, path := range paths {
		if path == "" {
			continue
		}
		ns, err := s.open(path)
		if leadsNowhere(err) {
			continue
		}
		if errors.Is(err, netns.ErrNotNamespace) || errors.Is(err, netns.ErrOwn) {
			found = gone
			continue
		}
		if err != nil {
			return nil, hidden, namespaceError(path, err)
		}
		same, err := s.same(ctx, entry, ns)
		if same {
			return ns, there, nil
		}
		ns.Close()
		if err != nil {
			return nil, hidden, err
		}
		found = gone
	}
	return nil, found, nil
}

// leadsNowhere reports whether a path cannot lead to any namespace, as against one that cannot be looked at now.
func leadsNowhere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, netns.ErrRelative) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}

// same reports whether ns is the namespace of an entry. Entries that Go's libcni wrote have no cookie: there the
// interface has to have the hardware address that the result says.
func (s *scope) same(ctx context.Context, entry *attachments.Entry, ns *netns.Namespace) (bool, error) {
	if !entry.Foreign {
		cookie, err := ns.Cookie(ctx)
		return err == nil && cookie == entry.Cookie, err
	}
	expected := entryMAC(entry)
	if expected == nil {
		return true, nil
	}
	links := rtnl.NewSession(ns, s.engine.deleter)
	defer links.Close()
	link, err := containerLink(ctx, links, entry.IfName)
	if err != nil || link == nil {
		return false, err
	}
	return bytes.Equal(link.MAC, expected), nil
}

// knownIn reports whether an entry is known to have been made in ns. Where same has nothing to go by, it is not.
func (s *scope) knownIn(ctx context.Context, entry *attachments.Entry, ns *netns.Namespace) (bool, error) {
	if entry.BootID != "" && entry.BootID != s.bootID || entry.Foreign && entryMAC(entry) == nil {
		return false, nil
	}
	return s.same(ctx, entry, ns)
}

// holder returns the attachment that is known to have made the interface of that name in ns, nil for none.
func (s *scope) holder(ctx context.Context, ns *netns.Namespace, ifName string) (*attachments.Entry, error) {
	entries, err := s.store.ByContainer("", ifName)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if list, err := conf.Parse(entry.Config); err == nil && !s.makesInterface(list) && ifName != "lo" {
			continue
		}
		if known, err := s.knownIn(ctx, entry, ns); err != nil || known {
			return entry, err
		}
	}
	return nil, nil
}

// entryMAC returns the hardware address of the container's interface as the result has it, or nil.
func entryMAC(entry *attachments.Entry) net.HardwareAddr {
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
			mac, _ := net.ParseMAC(i.Mac)
			return mac
		}
	}
	return nil
}

// containerLink looks an interface up in the container's namespace; nil means there is none.
func containerLink(ctx context.Context, links *rtnl.Session, name string) (*rtnl.Link, error) {
	conn, err := links.Container(ctx)
	if err != nil {
		return nil, err
	}
	if conn.NameIsFree(name) {
		return nil, nil
	}
	link, err := conn.LinkByName(ctx, name)
	if errors.Is(err, rtnl.ErrNotFound) {
		return nil, nil
	}
	return link, err
}
