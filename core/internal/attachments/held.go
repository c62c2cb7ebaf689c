package attachments

import (
	"errors"
	"io/fs"

	"github.com/libcni/libcni/core/internal/host/lockfile"
)

// Held is what a call has locked. For an attachment, it remembers what Get saw: of all calls only this one may change it
// until Unlock. Go's libcni takes no locks, so that what it could have changed is looked at again. Not safe for concurrent
// use.
type Held struct {
	store *Store
	key   Key // of the attachment; empty for a network
	locks *lockfile.Bytes
	seen  sight
}

// Get is Store.Get of the attachment.
func (h *Held) Get() (e *Entry, err error) {
	e, h.seen, err = h.store.find(h.key)
	return e, err
}

// WriteIntent is Store.WriteIntent. The first intent of an attachment is written in place: who finds half of it knows
// that nothing was made.
func (h *Held) WriteIntent(e *Entry) error {
	vacant := h.seen.vacant && e.Key == h.key
	h.seen = sight{}
	if !vacant {
		return h.store.WriteIntent(e)
	}
	err := h.store.writeIntent(e, func(data []byte) error { return create(h.store.intentPath(e.Key), data) })
	if errors.Is(err, fs.ErrExist) {
		return h.store.WriteIntent(e)
	}
	return err
}

// Remove is Store.Remove of the attachment. An entry that Get returned is all there is: there was no intent, so no call
// was cut short since the entry was written, and the temporary file has become the entry.
func (h *Held) Remove() error {
	text := h.seen.entry
	h.seen = sight{}
	path := h.store.cachePath(h.key)
	if text == nil || !holds(path, text) { // not as it was
		return h.store.Remove(h.key)
	}
	return orStateError(remove(path), h.key, "remove the cache entry", cacheOption)
}
