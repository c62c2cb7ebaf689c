package attachments

import (
	"errors"
	"io/fs"

	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/host/lockfile"
)

// Held is an attachment or a network that a call has locked. For an attachment it remembers what
// Get saw: until Unlock no other call changes it. Go's libcni takes no locks, so that Held looks
// again at what Go's libcni could have changed. Not safe for concurrent use.
type Held struct {
	store *Store
	key   Key // of the attachment; empty for a network
	locks *lockfile.Bytes
	seen  snapshot

	damage error // of the attachment's files, when Get found none that is usable
}

// Sharing returns another attachment that has the same cache file, and so the same lock, as the one
// that h holds. It is unlocked with h. It is nil if h is nil or key has another file.
func (h *Held) Sharing(key Key) *Held {
	if h == nil || h.store.cachePath(key) != h.store.cachePath(h.key) {
		return nil
	}
	return &Held{store: h.store, key: key}
}

// Get is Store.Get of the attachment.
func (h *Held) Get() (e *Entry, err error) {
	e, h.seen, err = h.store.find(h.key)
	h.damage = Damage(err)
	return e, err
}

// Damage returns what Get found wrong with the files of an attachment without a usable one; nil if
// there was no file.
func (h *Held) Damage() error { return h.damage }

// WriteIntent is Store.WriteIntent. The first intent of an attachment is written in place: half an
// intent means that nothing was made.
func (h *Held) WriteIntent(e *Entry) error {
	vacant := h.seen.vacant && e.Key == h.key
	h.seen = snapshot{}
	if !vacant {
		return h.store.WriteIntent(e)
	}

	err := h.store.writeIntent(e, func(data []byte) error {
		return h.store.create(h.store.intentPath(e.Key), data)
	})
	if errors.Is(err, fs.ErrExist) {
		return h.store.WriteIntent(e)
	}
	return err
}

// Remove is Store.Remove of the attachment. If Get returned a cache entry and has seen no intent,
// that entry is the only file: no call was cut short since it was written, and its temporary file
// has become the entry.
func (h *Held) Remove() error {
	text := h.seen.text
	h.seen = snapshot{}
	path := h.store.cachePath(h.key)
	if text == nil || !file.Has(path, text) { // it has changed
		return h.store.Remove(h.key)
	}
	if err := h.store.Unclaim(h.key); err != nil {
		return err
	}
	return orStateError(file.Remove(path), h.key, "remove the cache entry", cacheOption)
}

// RollBack is Remove after a failed ADD: a damaged cache file, which the ADD has not written,
// stays.
func (h *Held) RollBack() error {
	if _, _, err := h.store.cached(h.key); !isUnusable(err) {
		return h.Remove()
	}
	h.seen = snapshot{}
	return h.store.remove(h.key, false)
}
