package lifecycle

import (
	"context"

	"github.com/libcni/libcni/core/internal/attachments"
)

// InScope reports whether a DEL with the netns of a request removes an attachment. An attachment
// whose namespace is another one stays: it belongs to another container of the same identifier. If
// the path of the request leads to no namespace, only the attachments that were made with this path
// or whose namespace is gone are removed.
func (m *Manager) InScope(ctx context.Context, entry *attachments.Entry,
	requested Candidate) (bool, error) {
	if requested.Path == "" || m.IsOfEarlierBoot(entry) {
		return true, nil
	}

	ns, elsewhere, err := m.examine(ctx, entry, requested)
	if err != nil {
		return false, err
	}
	if ns != nil {
		if ns != requested.opened {
			ns.Close()
		}
		return true, nil
	}

	presence, err := m.prove(ctx, entry)
	if err != nil || presence == Gone {
		return err == nil, err
	}
	return requested.Path == entry.Netns && !(elsewhere && presence == Living), nil
}
