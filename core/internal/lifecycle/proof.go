package lifecycle

import (
	"context"
	"errors"
	"slices"
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

// patience is how long one request waits for namespaces to disappear. The kernel keeps a namespace
// until the sockets that were open in it are freed, some milliseconds after its last process and
// path; on a machine with more work than processors, a second.
const patience = 2 * time.Second

// prove looks for the namespace of an entry without a path, and waits for one that may just be
// disappearing.
func (m *Manager) prove(ctx context.Context, entry *attachments.Entry) (Presence, error) {
	const first, longest = time.Millisecond, 50 * time.Millisecond
	for pause := first; ; pause = min(2*pause, longest) {
		presence, err := m.look(ctx, entry)
		if err != nil || presence != Living || m.waited >= patience {
			return presence, err
		}

		select {
		case <-ctx.Done():
			return presence, ctx.Err()
		case <-time.After(pause):
			m.waited += pause
		}
	}
}

// look says what is known about the namespace of an entry now. Since Linux 6.18 the kernel reports
// whether the namespace with the entry's cookie exists. Otherwise the host's end of the interface
// pair tells: it cannot outlive the namespace that holds the other end.
func (m *Manager) look(ctx context.Context, entry *attachments.Entry) (Presence, error) {
	switch {
	case m.IsOfEarlierBoot(entry):
		return Gone, nil
	case !m.isOfThisBoot(entry):
		return Unknown, nil
	}

	if exists, known := netns.Exists(entry.Cookie, entry.Inode); known {
		if exists {
			return Living, nil
		}
		return Gone, nil
	}
	return m.lookAtHostLink(ctx, entry)
}

// isOfThisBoot reports whether the cookies of an entry are those of this boot.
func (m *Manager) isOfThisBoot(entry *attachments.Entry) bool {
	return !entry.ByGoLibcni && entry.BootID != "" && entry.BootID == m.BootID
}

// lookAtHostLink looks at the host's end of an interface pair. It proves nothing from another host
// namespace than the one of the ADD.
func (m *Manager) lookAtHostLink(ctx context.Context, entry *attachments.Entry) (Presence, error) {
	if entry.HostCookie == 0 {
		return Unknown, nil
	}

	links := rtnl.NewSession(nil, m.Deleter)
	defer links.Close()
	host, err := links.Host(ctx)
	if err != nil {
		return Unknown, err
	}
	if cookie, err := host.NamespaceCookie(); err != nil || cookie != entry.HostCookie {
		return Unknown, nil
	}

	link, err := host.LinkByName(ctx, entry.HostIfName)
	if err == nil {
		_, err = host.LinkPeer(ctx, link)
	}
	switch {
	case errors.Is(err, rtnl.ErrNotFound):
		return Gone, nil
	case err != nil:
		return Unknown, err
	}
	return Living, nil
}

// recordNamedHostLink records that a built-in has made the host's end of the pair under the name
// that the entry has for it.
func (a *addition) recordNamedHostLink(ctx context.Context, result *plugin.Result) error {
	entry := a.chain.entry
	value, err := result.Value()
	if err != nil || !slices.ContainsFunc(value.Interfaces, func(i *types100.Interface) bool {
		return i.Name == entry.HostIfName && i.Sandbox == ""
	}) {
		return err
	}

	host, err := a.chain.links.Host(ctx)
	if err == nil {
		entry.HostCookie, err = host.NamespaceCookie()
	}
	return err
}

// recordHostLink records the host's end of the interface pair of an attachment, if it has one, and
// the namespace in which that end is. A plugin process chooses its name itself.
func (a *addition) recordHostLink(ctx context.Context, container *rtnl.Link) error {
	entry := a.chain.entry
	host, err := a.chain.links.Host(ctx)
	if err != nil {
		return err
	}

	link, err := host.LinkByIndex(ctx, container.Peer)
	if errors.Is(err, rtnl.ErrNotFound) || err == nil && link.Peer != container.Index {
		return nil
	}
	if err != nil {
		return err
	}
	entry.HostIfName = link.Name
	entry.HostCookie, err = host.NamespaceCookie()
	return err
}
