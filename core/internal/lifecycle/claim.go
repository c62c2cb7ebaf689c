package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// claim makes the cache of this request the one of an attachment. Objects on the host do not name
// their cache, so that an ADD is refused while another cache has an attachment of the same names
// that may exist. made reports whether the claim is new.
func (m *Manager) claim(ctx context.Context, key attachments.Key) (made bool, err error) {
	const attempts = 10 // as often as ADDs with other caches may claim it first
	for range attempts {
		made, other, err := m.Store.Claim(ctx, key)
		if err != nil || other == "" {
			return made, err
		}
		if err := m.elsewhere(other).removeRemains(ctx, key, other); err != nil {
			return false, err
		}
	}
	return false, fault.New(fault.KindBusy, nil,
		"%s: ADDs with other caches are in progress", key)
}

// reclaim claims an attachment again whose claim went with its remains. It refuses one that another
// cache has claimed meanwhile.
func reclaim(ctx context.Context, store *attachments.Store, key attachments.Key) error {
	_, other, err := store.Claim(ctx, key)
	if err == nil && other != "" {
		err = fault.New(fault.KindBusy, nil, "%s: an ADD with options.cacheDir %s is in progress", key,
			other)
	}
	return err
}

// elsewhere returns a manager of the attachments in another cache.
func (m *Manager) elsewhere(cacheDir string) *Manager {
	other := *m
	other.Store = m.Store.WithCache(cacheDir)
	return &other
}

// removeRemains removes what is left of an attachment, and its claim. It refuses one that may
// exist.
func (m *Manager) removeRemains(ctx context.Context, key attachments.Key, cacheDir string) error {
	held, err := m.Store.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer held.Unlock()

	entry, err := held.Get()
	if errors.Is(err, fs.ErrNotExist) {
		return m.Store.Unclaim(key)
	}
	if err != nil {
		return err
	}

	gone, err := m.isRemains(ctx, entry)
	if err != nil {
		return err
	}
	if !gone {
		e := existsError(entry, Living)
		e.Details = fmt.Sprintf("it is recorded in %s; detach it with this options.cacheDir", cacheDir)
		return e
	}
	return m.Detach(ctx, held, entry, &Overrides{}, false)
}

// isRemains reports whether an attachment, whose lock is held, is incomplete or its namespace is
// gone.
func (m *Manager) isRemains(ctx context.Context, entry *attachments.Entry) (bool, error) {
	if entry.Incomplete {
		return true, nil
	}
	presence, err := m.presence(ctx, entry)
	return err == nil && presence == Gone, err
}

// HeldElsewhere returns the directory of another cache that records an attachment which may exist,
// "" if there is none. A DEL without an entry leaves such an attachment alone.
func (m *Manager) HeldElsewhere(ctx context.Context, key attachments.Key) (string, error) {
	dir, err := m.Store.ClaimedBy(key)
	if err != nil || dir == "" {
		return "", err
	}
	if exists, err := m.elsewhere(dir).mayExist(ctx, key); err != nil || !exists {
		return "", err
	}
	return dir, nil
}

func (m *Manager) mayExist(ctx context.Context, key attachments.Key) (bool, error) {
	entry, err := m.Store.Get(key)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || entry.Incomplete { // an ADD may be in progress
		return err == nil, err
	}
	gone, err := m.isRemains(ctx, entry)
	return !gone, err
}

// KeptElsewhere returns the attachments of a network that other caches record and that may exist: a
// GC with this cache does not list them, and its plugins must keep them.
func (m *Manager) KeptElsewhere(ctx context.Context,
	network string) ([]plugin.AttachmentID, error) {
	others, err := m.Store.OthersOf(network)
	if err != nil {
		return nil, err
	}
	var kept []plugin.AttachmentID
	for key, dir := range others {
		exists, err := m.elsewhere(dir).mayExist(ctx, key)
		if err != nil {
			return nil, fault.From(err, fault.KindState)
		}
		if exists {
			kept = append(kept, plugin.AttachmentID{ContainerID: key.ContainerID, IfName: key.IfName})
		}
	}
	return kept, nil
}
