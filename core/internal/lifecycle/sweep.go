package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
)

// sweepLockWait bounds how long a sweep waits for attachments that other calls work on.
const sweepLockWait = 3 * time.Second

// runSwept runs an ADD. If another attachment holds what it needs (a port, an address, the name of
// its cache file), attachments whose namespace is gone give way, and the ADD is tried once more.
func (m *Manager) runSwept(ctx context.Context, a *addition) error {
	err := a.run(ctx)
	if e := fault.From(err, fault.KindState); e == nil || !e.Contended() || !a.isUndone(e) ||
		ctx.Err() != nil {
		return err
	}
	if !m.sweep(ctx, a.held, a.chain.entry.Key) {
		return err
	}

	if again := a.restart(ctx); again != nil {
		return again
	}
	return a.run(ctx)
}

// isUndone reports whether a failed ADD has left nothing.
func (a *addition) isUndone(e *fault.Error) bool {
	return e.RolledBack == nil || *e.RolledBack
}

// restart prepares a second attempt. The host's link gets another name: the kernel may still be
// removing the first one.
func (a *addition) restart(ctx context.Context) error {
	entry := a.chain.entry
	a.results = nil
	entry.CNIVersion, entry.HostIfName = a.chain.list.CNIVersion, newHostIfName()
	a.chain.register.read = false // what was swept is recorded no more
	return reclaim(ctx, a.store, entry.Key)
}

// sweep detaches the attachments whose namespace is proved to be gone, whatever their network,
// owner and cache, and reports whether there were any. own is the attachment whose lock the call
// holds.
func (m *Manager) sweep(ctx context.Context, held *attachments.Held, own attachments.Key) bool {
	swept := m.sweepCache(ctx, held, own)
	others, err := m.Store.OthersOf("")
	if err != nil {
		m.Events.Warn("", err.Error())
	}
	seen := map[string]bool{}
	for _, dir := range others {
		if !seen[dir] {
			seen[dir] = true
			swept = m.elsewhere(dir).sweepCache(ctx, nil, own) || swept
		}
	}
	return swept
}

func (m *Manager) sweepCache(ctx context.Context, held *attachments.Held,
	own attachments.Key) (swept bool) {
	entries, _, err := m.Store.List()
	if err != nil {
		m.Events.Warn("", err.Error())
		return false
	}

	locking, cancel := context.WithTimeout(ctx, sweepLockWait)
	defer cancel()
	for _, entry := range entries {
		if locking.Err() != nil {
			return swept
		}
		if entry.Key == own || !m.isGone(ctx, entry) {
			continue
		}
		if err := m.sweepOne(ctx, locking, held, entry.Key); err != nil {
			m.Events.Warn("", fmt.Sprintf("%s: its network namespace is gone, but it cannot be removed: %v",
				entry.Key, err))
			continue
		}
		m.Events.Warn("", fmt.Sprintf("%s was removed: its network namespace is gone", entry.Key))
		swept = true
	}
	return swept
}

// sweepOne detaches an attachment if its namespace is gone. An attachment with the same cache file
// as the one that is held shares its lock.
func (m *Manager) sweepOne(ctx, locking context.Context, held *attachments.Held,
	key attachments.Key) error {
	lock := held.Sharing(key)
	if lock == nil {
		var err error
		if lock, err = m.Store.Lock(locking, key); err != nil {
			return err
		}
		defer lock.Unlock()
	}

	entry, err := lock.Get()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !m.isGone(ctx, entry) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.Detach(ctx, lock, entry, &Overrides{}, false)
}

// isGone reports whether the namespace of an attachment is proved to be gone.
func (m *Manager) isGone(ctx context.Context, entry *attachments.Entry) bool {
	presence, err := m.presence(ctx, entry)
	return err == nil && presence == Gone
}
