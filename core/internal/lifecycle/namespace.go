package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
)

// Presence says what is known about the namespace of an attachment.
type Presence int

const (
	Gone    Presence = iota // it is proved not to exist
	Unknown                 // it may exist
	Living                  // it exists, and no path that is known leads to it
	Present                 // it exists, and is opened
)

// Candidate is a path that may lead to the namespace of an attachment. The empty path leads
// nowhere.
type Candidate struct {
	Path   string
	opened *netns.Namespace // by Prefetch; nil if it is to be opened when it is used
}

// Prefetch opens the namespace at a path, if possible, and starts fetching what the caller will
// need of it. The caller closes the candidate.
func (m *Manager) Prefetch(path string, fetch func(*netns.Namespace)) Candidate {
	candidate := Candidate{Path: path}
	if path == "" {
		return candidate
	}
	if ns, err := netns.Open(path, m.Threads); err == nil {
		fetch(ns)
		candidate.opened = ns
	}
	return candidate
}

// Close closes what Prefetch opened.
func (c Candidate) Close() { _ = c.opened.Close() } // it was only read from

// open returns the namespace that a candidate leads to. Closing it twice is harmless.
func (m *Manager) open(c Candidate) (*netns.Namespace, error) {
	if c.opened != nil {
		return c.opened, nil
	}
	return netns.Open(c.Path, m.Threads)
}

// Open opens the namespace that an ADD cannot do without. The caller closes it.
func (m *Manager) Open(path string) (*netns.Namespace, error) {
	if path == "" {
		return nil, fault.InvalidRequest("netns",
			"netns is required: give the path of the container's network namespace, "+
				"such as /proc/PID/ns/net or /run/netns/NAME")
	}
	ns, err := netns.Open(path, m.Threads)
	if err != nil {
		return nil, NamespaceError(path, err)
	}
	ns.PrefetchSocket()
	return ns, nil
}

// NamespaceError classifies the error of opening or deleting the namespace at a path.
func NamespaceError(path string, err error) error {
	switch {
	case errors.Is(err, netns.ErrOwn):
		return fault.New(fault.KindNotANamespace, nil,
			"netns %s is the caller's own network namespace; give the container's", path)
	case errors.Is(err, netns.ErrNotNamespace):
		return fault.New(fault.KindNotANamespace, nil, "netns %s is not a network namespace", path)
	case errors.Is(err, netns.ErrRelative):
		return fault.InvalidRequest("netns", "netns %q is not an absolute path", path)
	case errors.Is(err, netns.ErrNoProc):
		return fault.New(fault.KindUnsupported, nil, "netns %s cannot be opened or compared with the "+
			"caller's own: /proc is not mounted; mount it (mount -t proc proc /proc)", path)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.KindNamespaceNotFound, nil,
			"netns %s does not exist; the container may have exited", path)
	default: // it may exist
		return fault.From(err, fault.KindState)
	}
}

// presence tells what is known about the namespace of an entry, whose path is the recorded one.
func (m *Manager) presence(ctx context.Context, entry *attachments.Entry) (Presence, error) {
	ns, presence, err := m.Locate(ctx, entry, Candidate{Path: entry.Netns})
	ns.Close()
	return presence, err
}

// Locate opens the namespace in which an entry was made. A path alone proves nothing, because paths
// and inodes are reused and differ between PID namespaces: the first candidate whose cookie is the
// entry's counts. If there is none, Locate looks for the namespace itself. The caller closes the
// namespace, which is nil unless it is present.
func (m *Manager) Locate(ctx context.Context, entry *attachments.Entry,
	candidates ...Candidate) (*netns.Namespace, Presence, error) {
	ns, err := m.find(ctx, entry, candidates...)
	switch {
	case errors.Is(err, fs.ErrPermission): // such as the path of another user's process
	case err != nil:
		return nil, Unknown, err
	case ns != nil:
		return ns, Present, nil
	}

	presence, err := m.prove(ctx, entry)
	return nil, presence, err
}

// find opens the namespace of an entry. It returns nil if no candidate leads to it.
func (m *Manager) find(ctx context.Context, entry *attachments.Entry,
	candidates ...Candidate) (*netns.Namespace, error) {
	if m.IsOfEarlierBoot(entry) {
		return nil, nil
	}

	for _, candidate := range candidates {
		ns, _, err := m.examine(ctx, entry, candidate)
		if err != nil || ns != nil {
			return ns, err
		}
	}
	return nil, nil
}

// findToLook is find for CHECK and REPAIR. That no candidate leads to the namespace means nothing
// without /proc.
func (m *Manager) findToLook(ctx context.Context, entry *attachments.Entry,
	overrides *Overrides) (*netns.Namespace, error) {
	ns, err := m.find(ctx, entry, overrides.Netns, Candidate{Path: entry.Netns})
	if err == nil && ns == nil && !netns.HasProc() {
		err = NamespaceError(entry.Netns, netns.ErrNoProc)
	}
	return ns, err
}

// IsOfEarlierBoot reports whether an attachment is known to be of an earlier boot. Entries of Go's
// libcni do not name their boot: there the time of the file tells.
func (m *Manager) IsOfEarlierBoot(entry *attachments.Entry) bool {
	if entry.ByGoLibcni {
		return !entry.Modified.IsZero() && entry.Modified.Before(m.startOfBoot())
	}
	return entry.BootID != "" && m.BootID != "" && entry.BootID != m.BootID
}

// startOfBoot returns a moment not later than the start of this boot, which is the zero time if it
// is not known. StateDir is made late, but what holds it is there.
func (m *Manager) startOfBoot() time.Time {
	if m.started == nil {
		var started time.Time
		for _, dir := range []string{m.StateDir, filepath.Dir(m.StateDir)} {
			if at, err := boot.Started(dir); err == nil {
				started = at
				break
			}
		}
		m.started = &started
	}
	return *m.started
}

// examine opens a candidate and returns the namespace if it is that of an entry. elsewhere reports
// that the path leads to another network namespace.
func (m *Manager) examine(ctx context.Context, entry *attachments.Entry,
	c Candidate) (ns *netns.Namespace, elsewhere bool, err error) {
	if c.Path == "" {
		return nil, false, nil
	}

	ns, err = m.open(c)
	switch {
	case leadsNowhere(err):
		return nil, false, nil
	case errors.Is(err, netns.ErrOwn):
		return nil, true, nil
	case err != nil:
		return nil, false, NamespaceError(c.Path, err)
	}

	same, err := m.isNamespaceOf(ctx, entry, ns)
	if same {
		return ns, false, nil
	}
	ns.Close()
	return nil, err == nil, err
}

// leadsNowhere reports whether an error of opening a path means that it leads to no namespace, or
// that this cannot be known because /proc is missing.
func leadsNowhere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, netns.ErrRelative) ||
		errors.Is(err, netns.ErrNotNamespace) || errors.Is(err, syscall.ENOTDIR) ||
		errors.Is(err, syscall.ELOOP) || errors.Is(err, netns.ErrNoProc)
}

// isNamespaceOf reports whether ns is the namespace of an entry. Entries that Go's libcni wrote
// have no cookie: there the interface must have the hardware address of the result. A result
// without one matches any namespace.
func (m *Manager) isNamespaceOf(ctx context.Context, entry *attachments.Entry,
	ns *netns.Namespace) (bool, error) {
	if !entry.ByGoLibcni {
		cookie, err := ns.Cookie(ctx)
		return err == nil && cookie == entry.Cookie, err
	}

	recorded := recordedMAC(entry)
	if recorded == nil {
		return true, nil
	}

	link, err := m.linkIn(ctx, ns, entry.IfName)
	if err != nil || link == nil {
		return false, err
	}
	return bytes.Equal(link.MAC, recorded), nil
}

// isKnownIn reports whether it is certain that an entry was made in ns.
func (m *Manager) isKnownIn(ctx context.Context, entry *attachments.Entry,
	ns *netns.Namespace) (bool, error) {
	if entry.BootID != "" && entry.BootID != m.BootID {
		return false, nil
	}
	if entry.ByGoLibcni && recordedMAC(entry) == nil {
		return false, nil
	}
	return m.isNamespaceOf(ctx, entry, ns)
}

// linkIn looks up an interface in a namespace. It returns nil if there is none.
func (m *Manager) linkIn(ctx context.Context, ns *netns.Namespace,
	name string) (*rtnl.Link, error) {
	links := rtnl.NewSession(ns, m.Deleter)
	defer links.Close()
	return containerLink(ctx, links, name)
}

// containerLink looks up an interface in the container's namespace. It returns nil if there is
// none.
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
