package lifecycle

import (
	"context"
	"fmt"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
)

// resolveExisting decides what an ADD does about an entry of the same name: it refuses to touch an
// attachment that works, unless it is to be replaced, and removes the remains of one that does not.
func (m *Manager) resolveExisting(ctx context.Context, held *attachments.Held,
	entry *attachments.Entry, request *AttachRequest) error {
	alive, presence, err := m.isAlive(ctx, entry, request)
	if err != nil {
		return err
	}

	if alive && !request.Replace {
		return existsError(entry, presence)
	}

	overrides := Overrides{Current: request.Config, Netns: Candidate{Path: request.Netns.Path()},
		Args: request.Args, CapabilityArgs: request.CapabilityArgs}
	if err := m.Detach(ctx, held, entry, &overrides, false); err != nil {
		e := *fault.From(err, fault.KindState)
		e.Msg = "remove what is left of an earlier attachment of the same name: " + e.Msg +
			"; if that cannot be mended, " + forceAdvice
		return &e
	}

	return nil
}

// existsError refuses an ADD because of an attachment of the same name.
func existsError(entry *attachments.Entry, presence Presence) *fault.Error {
	e := fault.New(fault.KindExists, nil, "container %s is already attached to network %s as %s; "+
		"detach it first, or set options.onExisting to replace",
		entry.ContainerID, entry.Network, entry.IfName)
	if presence == Unknown {
		e.Details = fmt.Sprintf("no path leads to the network namespace of that attachment, which was "+
			"%s; it may belong to a running container", entry.Netns)
	}
	e.Existing = Describe(entry)
	return e
}

// isAlive reports whether an attachment is complete and works as far as one can see: its namespace
// is not proved to be gone, and its interface exists if it was a link of the kernel when it was
// made.
func (m *Manager) isAlive(ctx context.Context, entry *attachments.Entry,
	request *AttachRequest) (bool, Presence, error) {
	if entry.Incomplete {
		return false, Unknown, nil
	}

	ns, presence, err := m.Locate(ctx, entry, Candidate{Path: entry.Netns},
		Candidate{Path: request.Netns.Path()})
	if err != nil || presence != Present {
		return presence != Gone, presence, err
	}
	defer ns.Close()
	if !m.makesInterface(request.Config) || !hadLink(entry) {
		return true, presence, nil
	}

	link, err := m.linkIn(ctx, ns, entry.IfName)
	return link != nil, presence, err
}

// hadLink reports whether the interface of an attachment was a link of the kernel, unlike those of
// DPDK and vhost-user.
func hadLink(entry *attachments.Entry) bool {
	if entry.ByGoLibcni {
		return recordedMAC(entry) != nil
	}
	return entry.IfIndex != 0
}
