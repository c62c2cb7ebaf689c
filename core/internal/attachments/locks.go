package attachments

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/host/lockfile"
)

// gateWait bounds how long a call lets a GC go first. The package comment says why it is bounded.
const gateWait = 2 * time.Second

// Lock locks an attachment for one call, and keeps GC out of its network. It waits until ctx ends.
func (s *Store) Lock(ctx context.Context, key Key) (*Held, error) {
	name, err := key.fileName()
	if err != nil {
		return nil, err
	}

	h := &Held{store: s, key: key}
	network := hash(key.Network)
	if err := h.open(ctx); err != nil {
		return nil, lockError(err, "network "+key.Network)
	}

	if err = h.passGate(ctx, network); err == nil {
		err = h.locks.Lock(ctx, networks(network), lockfile.Shared)
	}

	if err != nil {
		h.Unlock()
		return nil, lockError(err, "network "+key.Network)
	}

	if err := h.locks.Lock(ctx, attachment(name), lockfile.Exclusive); err != nil {
		h.Unlock()
		return nil, lockError(err, key.String())
	}
	return h, nil
}

// LockNetwork locks a whole network for GC: no call works on an attachment of it. It waits until
// ctx ends, and removes what killed calls left half written.
func (s *Store) LockNetwork(ctx context.Context, network string) (*Held, error) {
	h := &Held{store: s}
	sum := hash(network)
	err := h.open(ctx)
	if err == nil {
		err = h.locks.Lock(ctx, gates(sum), lockfile.Exclusive)
	}

	if err == nil {
		err = h.locks.Lock(ctx, networks(sum), lockfile.Exclusive)
	}

	if err == nil {
		err = h.locks.Release(gates(sum))
	}

	if err != nil {
		h.Unlock()
		return nil, lockError(err, "network "+network)
	}

	s.removeTorn(network)
	return h, nil
}

// Attachment locks one attachment of the network that h holds. It is unlocked before h.
func (h *Held) Attachment(ctx context.Context, key Key) (*Held, error) {
	name, err := key.fileName()
	if err != nil {
		return nil, err
	}

	one := &Held{store: h.store, key: key}
	if err = one.open(ctx); err == nil {
		err = one.locks.Lock(ctx, attachment(name), lockfile.Exclusive)
	}

	if err != nil {
		one.Unlock()
		return nil, lockError(err, key.String())
	}
	return one, nil
}

// Unlock releases everything. Unlocking twice, or nil, does nothing.
func (h *Held) Unlock() {
	if h != nil {
		_ = h.locks.Unlock() // closing the descriptor, which it does in any case, releases too
	}
}

func (h *Held) open(ctx context.Context) (err error) {
	h.locks, err = lockfile.OpenBytes(ctx, h.store.private+"/locks/calls")
	return err
}

// passGate waits while a GC waits for the network, for at most gateWait.
func (h *Held) passGate(ctx context.Context, network uint64) error {
	err := h.locks.Pass(ctx, gates(network), lockfile.Shared, gateWait)
	if errors.Is(err, lockfile.ErrBusy) && ctx.Err() == nil {
		return nil
	}
	return err
}

// The three kinds of locks have separate parts of the file: the upper two bits of a key are the
// kind. Of the hash 61 bits are left: among a thousand names in use at a time, two share a lock
// with a probability of 1 in 4 million million.
func gates(hash uint64) uint64      { return hash >> 2 }
func networks(hash uint64) uint64   { return 1<<62 | hash>>2 }
func attachment(name string) uint64 { return 2<<62 | hash(name)>>2 }

func hash(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint64(sum[:])
}

// removeTorn removes the half-written files of a network that is locked exclusively, so that no
// call is writing them. A file that cannot be removed does no harm.
func (s *Store) removeTorn(network string) {
	for _, dir := range []string{s.private, s.intents} {
		found, _ := names(dir, "")
		for _, name := range found {
			path := dir + "/" + name
			if !strings.HasPrefix(name, networkPrefix(network)) {
				continue
			}
			if strings.HasSuffix(name, temporarySuffix) || dir == s.intents && isTorn(path) {
				_ = file.Remove(path)
			}
		}
	}
}

// isTorn reports whether an intent was cut short while it was written: part of an object is not
// JSON. Nothing was made yet.
func isTorn(path string) bool {
	data, err := file.Read(path, maxFileSize)
	return err == nil && !isJSON(data)
}

// lockError distinguishes a lock that another call holds from one that cannot be taken.
func lockError(err error, what string) error {
	switch {
	case errors.Is(err, context.Canceled):
		return fault.From(err, fault.KindCancelled)
	case errors.Is(err, lockfile.ErrBusy):
		return fault.New(fault.KindBusy, err, "%s: another call is working on it", what)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.From(err, fault.KindTimeout)
	default:
		return stateError(err, what, cacheOption)
	}
}
