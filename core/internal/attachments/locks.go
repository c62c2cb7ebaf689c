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
// A turn is the time in which whoever waits for a lock tries again at least once. queueWait bounds
// how long a call waits for another one that overtakes a GC.
const (
	gateWait  = 2 * time.Second
	turn      = 50 * time.Millisecond
	queueWait = 10 * time.Second
)

// Lock locks an attachment for one call, and keeps GC out of its network. It waits until ctx ends.
func (s *Store) Lock(ctx context.Context, key Key) (*Held, error) {
	name, err := key.fileName()
	if err != nil {
		return nil, err
	}

	h := &Held{store: s, key: key}
	network := hash(key.Network)
	err = h.take(ctx, func() error {
		err := h.passGate(ctx, network)
		if err == nil {
			err = h.locks.Lock(ctx, networks(network), lockfile.Shared)
		}

		if err != nil {
			return lockError(err, "network "+key.Network)
		}
		return lockError(h.locks.Lock(ctx, attachment(name), lockfile.Exclusive), key.String())
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// take opens the file of locks and takes those that lock takes. It begins again if somebody removes
// the file meanwhile.
func (h *Held) take(ctx context.Context, lock func() error) error {
	for {
		if err := h.open(ctx); err != nil {
			return lockError(err, "the locks of all attachments")
		}

		err := lock()
		replaced := false
		if err == nil {
			replaced, err = h.locks.IsReplaced()
		}

		if err == nil && !replaced {
			return nil
		}
		h.Unlock()
		if err != nil {
			return lockError(err, "the locks of all attachments")
		}
	}
}

// LockNetwork locks a whole network for GC: no call works on an attachment of it. It waits until
// ctx ends, and removes what killed calls left half written.
func (s *Store) LockNetwork(ctx context.Context, network string) (*Held, error) {
	h := &Held{store: s}
	sum := hash(network)
	err := h.take(ctx, func() error {
		err := h.closeGate(ctx, sum)
		if err == nil {
			err = h.locks.Lock(ctx, networks(sum), lockfile.Exclusive)
		}

		if err == nil {
			err = h.locks.Release(gates(sum))
		}
		return lockError(err, "network "+network)
	})
	if err != nil {
		return nil, err
	}

	s.removeTorn(ctx, network)
	return h, nil
}

// Attachment locks one attachment of the network that h holds. It is unlocked before h.
func (h *Held) Attachment(ctx context.Context, key Key) (*Held, error) {
	name, err := key.fileName()
	if err != nil {
		return nil, err
	}

	one := &Held{store: h.store, key: key}
	err = one.take(ctx, func() error {
		return lockError(one.locks.Lock(ctx, attachment(name), lockfile.Exclusive), key.String())
	})
	if err != nil {
		return nil, err
	}
	return one, nil
}

// Unlock releases everything. Unlocking twice, or nil, does nothing.
func (h *Held) Unlock() {
	if h != nil {
		_ = h.locks.Unlock() // closing the descriptor, which it does in any case, releases too
	}
}

// open opens the file of locks. It does not use a directory that another user can change.
func (h *Held) open(ctx context.Context) (err error) {
	if err := h.store.trust(); err != nil {
		return err
	}
	if h.locks, err = lockfile.OpenBytes(ctx, h.store.private+"/locks/calls"); err != nil {
		return err
	}
	if err = h.store.trust(); err != nil { // another user may have made it meanwhile
		h.Unlock()
	}
	return err
}

// closeGate takes the gate for a GC. While another GC has the network the gate stays open, and for
// a turn afterwards: the calls that waited for that GC come before the next one.
func (h *Held) closeGate(ctx context.Context, network uint64) error {
	for {
		took, err := h.locks.TryLock(gates(network), lockfile.Exclusive)
		if err != nil {
			return err
		}
		if took {
			free, err := h.locks.IsFree(networks(network), lockfile.Shared)
			if free || err != nil {
				return err
			}
			if err := h.locks.Release(gates(network)); err != nil {
				return err
			}
		}
		if err := h.awaitTurn(ctx, network); err != nil {
			return err
		}
	}
}

// awaitTurn waits until no other GC has the gate or the network, and then for a turn.
func (h *Held) awaitTurn(ctx context.Context, network uint64) error {
	err := h.locks.Await(ctx, gates(network), lockfile.Exclusive)
	if err == nil {
		err = h.locks.Await(ctx, networks(network), lockfile.Shared)
	}

	if err != nil {
		return err
	}
	timer := time.NewTimer(turn)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // the next attempt tells who is in the way
	}
	return nil
}

// passGate waits while a GC waits for the network. After gateWait it overtakes the GC, because the
// GC may be waiting for the plugin that makes this call. Calls overtake in single file, and each
// gives the GC a moment in which no new call has the network, so that a crowd does not keep the GC
// out.
func (h *Held) passGate(ctx context.Context, network uint64) error {
	passed, err := h.locks.Pass(ctx, gates(network), lockfile.Shared, gateWait)
	if passed || err != nil {
		return err
	}

	first, err := h.queue(ctx, network)
	if !first || err != nil {
		return err
	}

	passed, err = h.locks.Pass(ctx, gates(network), lockfile.Shared, turn)
	if passed {
		err = h.locks.Release(overtaking(network))
	}
	return err
}

// queue waits for the calls that overtake before. It reports false if one of them lasts: it may be
// waiting for the plugin that makes this call.
func (h *Held) queue(ctx context.Context, network uint64) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, queueWait)
	defer cancel()
	err := h.locks.Lock(bounded, overtaking(network), lockfile.Exclusive)
	if errors.Is(err, lockfile.ErrBusy) && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// The four kinds of locks have separate parts of the file: the upper two bits of a key are the
// kind. Of the hash 61 bits are left: among a thousand names in use at a time, two share a lock
// with a probability of 1 in 4 million million.
func gates(hash uint64) uint64      { return hash >> 2 }
func networks(hash uint64) uint64   { return 1<<62 | hash>>2 }
func attachment(name string) uint64 { return 2<<62 | hash(name)>>2 }
func overtaking(hash uint64) uint64 { return 3<<62 | hash>>2 }

func hash(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint64(sum[:])
}

// removeTorn removes the half-written files of a network that is locked exclusively, so that no
// call is writing them. A file that cannot be removed does no harm.
func (s *Store) removeTorn(ctx context.Context, network string) {
	for _, dir := range []string{s.private, s.intents} {
		found, _ := names(dir, "")
		for _, name := range found {
			path := dir + "/" + name
			if ctx.Err() != nil {
				return
			}
			if !strings.HasPrefix(name, networkPrefix(network)) {
				continue
			}
			torn := strings.HasSuffix(name, temporarySuffix)
			if !torn && dir == s.intents {
				_, err := load(path, stateOption)
				torn = isTorn(err)
			}
			if torn {
				_ = file.Discard(path)
			}
		}
	}
	s.removeAbandoned(ctx, network)
}

// lockError distinguishes a lock that another call holds from one that cannot be taken.
func lockError(err error, what string) error {
	var known *fault.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
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
