package lifecycle

import (
	"context"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
)

// resolveExisting decides what an ADD does about an entry of the same name: it refuses to touch an
// attachment that works, unless it is to be replaced, and removes the remains of one that does not.
func (m *Manager) resolveExisting(ctx context.Context, held *attachments.Held,
	entry *attachments.Entry, request *AttachRequest) error {
	alive, err := m.isAlive(ctx, entry, request)
	if err != nil {
		return err
	}

	if alive && !request.Replace {
		e := fault.New(fault.KindExists, nil, "container %s is already attached to network %s as %s; "+
			"detach it first, or set options.onExisting to replace",
			entry.ContainerID, entry.Network, entry.IfName)
		e.Existing = Describe(entry)
		return e
	}

	overrides := Overrides{Netns: Candidate{Path: request.Netns.Path()}, Args: request.Args,
		CapabilityArgs: request.CapabilityArgs}
	if err := m.Detach(ctx, held, entry, &overrides, false); err != nil {
		e := fault.From(err, fault.KindState)
		e.Msg = "remove what is left of an earlier attachment of the same name: " + e.Msg
		return e
	}

	return nil
}

// isAlive reports whether an attachment is complete and its namespace and interface exist.
func (m *Manager) isAlive(ctx context.Context, entry *attachments.Entry,
	request *AttachRequest) (bool, error) {
	if entry.Incomplete {
		return false, nil
	}

	ns, _, err := m.Locate(ctx, entry, Candidate{Path: entry.Netns},
		Candidate{Path: request.Netns.Path()})
	if err != nil || ns == nil {
		return false, err
	}
	defer ns.Close()
	if !m.makesInterface(request.Config) {
		return true, nil
	}

	link, err := m.linkIn(ctx, ns, entry.IfName)
	return link != nil, err
}
