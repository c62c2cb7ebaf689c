package lifecycle

import (
	"context"

	"github.com/libcni/libcni/core/internal/attachments"
)

// register answers plugin.Invocation's Recorded. It reads all entries once, and only if a plugin
// finds something of another attachment.
type register struct {
	manager *Manager
	read    bool
	entries []*attachments.Entry
	others  map[attachments.Key]string // attachments that other caches record
}

func (r *register) recorded(ctx context.Context,
	is func(network, containerID, ifName string) bool) (recorded, gone bool, err error) {
	if err := r.load(); err != nil {
		return false, false, err
	}
	for _, entry := range r.entries {
		if !is(entry.Network, entry.ContainerID, entry.IfName) {
			continue
		}
		presence, err := r.manager.presence(ctx, entry)
		return true, presence == Gone, err
	}
	for key := range r.others {
		if is(key.Network, key.ContainerID, key.IfName) {
			return true, false, nil // what they record is theirs to judge
		}
	}
	return false, false, nil
}

func (r *register) load() (err error) {
	if r.read {
		return nil
	}
	if r.entries, _, err = r.manager.Store.List(); err != nil {
		return err
	}
	if r.others, err = r.manager.Store.OthersOf(""); err != nil {
		return err
	}
	r.read = true
	return nil
}
