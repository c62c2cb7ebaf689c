package attachments

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"libcni/core/internal/fault"
	"libcni/core/internal/host/lockfile"
)

// gateWait bounds how long a call lets a GC go first. The package comment says why it is bounded.
const gateWait = 2 * time.Second

// Held is what a call has locked. Not safe for concurrent use.
type Held struct {
	store *Store
	locks []*lockfile.Lock // in the order they were taken
}

// Lock takes an attachment for one call, and keeps GC out of its network. It waits until ctx ends.
func (s *Store) Lock(ctx context.Context, key Key) (*Held, error) {
	name, err := key.fileName()
	if err != nil {
		return nil, err
	}
	if err := s.passGate(ctx, key.Network); err != nil {
		return nil, lockError(err, "network "+key.Network)
	}
	h := &Held{store: s}
	if err := h.take(ctx, "networks", key.Network, lockfile.Shared); err != nil {
		return nil, lockError(err, "network "+key.Network)
	}
	if err := h.take(ctx, "attachments", name, lockfile.Exclusive); err != nil {
		h.Unlock()
		return nil, lockError(err, key.String())
	}
	return h, nil
}

// LockNetwork takes a whole network, for GC: nobody is at work on an attachment of it. It waits until ctx ends. What
// calls that were killed left half written is removed.
func (s *Store) LockNetwork(ctx context.Context, network string) (*Held, error) {
	gate, err := s.lock(ctx, "gates", network, lockfile.Exclusive)
	if err != nil {
		return nil, lockError(err, "network "+network)
	}
	defer gate.Unlock()
	h := &Held{store: s}
	if err := h.take(ctx, "networks", network, lockfile.Exclusive); err != nil {
		return nil, lockError(err, "network "+network)
	}
	s.sweep(network)
	return h, nil
}

// Attachment takes one attachment of the network that h holds. It is unlocked before h.
func (h *Held) Attachment(ctx context.Context, key Key) (*Held, error) {
	name, err := key.fileName()
	if err != nil {
		return nil, err
	}
	one := &Held{store: h.store}
	if err := one.take(ctx, "attachments", name, lockfile.Exclusive); err != nil {
		return nil, lockError(err, key.String())
	}
	return one, nil
}

// Unlock releases everything. Unlocking twice, or nil, does nothing.
func (h *Held) Unlock() {
	if h == nil {
		return
	}
	for i := len(h.locks) - 1; i >= 0; i-- {
		h.locks[i].Unlock() // closing the descriptor, which it does in any case, releases too
	}
	h.locks = nil
}

func (h *Held) take(ctx context.Context, file, name string, mode lockfile.Mode) error {
	l, err := h.store.lock(ctx, file, name, mode)
	if err == nil {
		h.locks = append(h.locks, l)
	}
	return err
}

func (s *Store) lock(ctx context.Context, file, name string, mode lockfile.Mode) (*lockfile.Lock, error) {
	sum := sha256.Sum256([]byte(name))
	path := filepath.Join(s.private, "locks", file)
	return lockfile.Range(ctx, path, binary.BigEndian.Uint64(sum[:]), mode)
}

// passGate waits while a GC waits for the network, but not for ever.
func (s *Store) passGate(ctx context.Context, network string) error {
	bounded, cancel := context.WithTimeout(ctx, gateWait)
	defer cancel()
	gate, err := s.lock(bounded, "gates", network, lockfile.Shared)
	if errors.Is(err, lockfile.ErrBusy) && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	return gate.Unlock()
}

// sweep removes temporary files of a network that is held exclusively, so that nobody is writing them. What cannot be
// removed does no harm.
func (s *Store) sweep(network string) {
	for _, dir := range []string{s.private, s.intents} {
		found, _ := names(dir, "")
		for _, name := range found {
			if strings.HasPrefix(name, networkPrefix(network)) && strings.HasSuffix(name, temporarySuffix) {
				os.Remove(filepath.Join(dir, name))
			}
		}
	}
}

// lockError tells a lock that others hold from one that cannot be taken.
func lockError(err error, what string) error {
	switch {
	case errors.Is(err, context.Canceled):
		return fault.From(err, fault.Cancelled)
	case errors.Is(err, lockfile.ErrBusy):
		return fault.New(fault.Busy, err, "%s: another call is at work on it", what)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.From(err, fault.Timeout)
	default:
		return stateError(err, what, cacheOption)
	}
}
