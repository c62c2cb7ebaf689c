// Package nft is the one place that changes nftables. The objects of libcni are in the tables "inet
// libcni" and "bridge libcni". The comment of each object names its owner.
//
// A plugin's call changes rules with one Update. Update holds the host-wide lock, calls the given
// function, which reads and queues changes, and applies the changes as one atomic batch. If another
// process has changed any rule since the function began to read, Update applies nothing and calls
// the function again. So the function must have no effect beyond what it queues.
//
//	err := nft.Update(ctx, stateDir, func(tx *nft.Tx) error {
//		tx.Ensure(chain, set) // makes the table, chain and set that are missing
//		if err := tx.EnsureRule(rule); err != nil { … } // adds or replaces it if it differs
//		return tx.Claim(set, owner, element) // *TakenError if the key is another owner's
//	})
//
// The kernel deletes elements by key, whatever their value and comment. So Release and ReleaseAll
// first read whose an element is. An element is changed by deleting and adding it, because adding
// alone keeps the old comment. A function that looks up several elements announces them with
// Prefetch, so that they travel in one datagram. CHECK reads with View, which takes no lock. A
// function does not read back what it has queued, so it changes each key once.
//
// Objects are plain values: Table, Chain, Set, Rule, Element, Owner. Key makes keys and data of
// Addr, Port, Proto, MAC and Name; Range makes ranges. Do makes a rule of conditions (IsFamily,
// IsProto, Is, In, InNetwork, ToLocal, InState, HasMark and so on) on fields (SrcAddr, DstPort,
// InLink and so on), and an end (Accept, Jump, Masquerade, RedirectFrom, VerdictFrom and so on). In
// tables of the family Inet, IsFamily comes before addresses.
//
// Names of sets and chains must not be keywords of nft's language ("masquerade", "drop"), so that
// nft can load what it lists. They contain the Hash of a network's name instead of the name, which
// may be too long.
package nft

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

const maxAttempts = 100

// Update runs change and applies what it queued, all or nothing. It works in the network namespace
// of the calling thread; call it on the goroutine that serves the request. The lock is the file
// locks/nft below stateDir.
func Update(ctx context.Context, stateDir string, change func(*Tx) error) error {
	lock, err := lockfile.Flock(ctx, filepath.Join(stateDir, "locks", "nft"), 0o600,
		lockfile.Exclusive)
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return errors.Join(attempt(ctx, change), lock.Unlock())
}

func attempt(ctx context.Context, change func(*Tx) error) error {
	c, err := open(ctx)
	if err != nil {
		return err
	}
	defer c.Done()
	careful := false
	var replaced map[chainName]bool
	for range maxAttempts {
		tx := newTx(c)
		tx.careful, tx.replaced = careful, replaced
		err := change(tx)
		if err == nil {
			err = tx.commit()
		}
		tx.remember()
		switch {
		case wire.IsOtherSet(err) && !careful:
			careful = true
		case refusesChain(err) && replaced == nil:
			var failed error
			if replaced, failed = tx.misplaced(); len(replaced) == 0 {
				return errors.Join(err, failed)
			}
		case !errors.Is(err, ErrChanged):
			return err
		}
	}
	return fmt.Errorf("nftables: %w", ErrChanged)
}

// View runs look, which reads and changes nothing. What look returns passes through, but when the
// rules changed meanwhile: then it runs again.
func View(ctx context.Context, look func(*Reader) error) error {
	c, err := open(ctx)
	if err != nil {
		return err
	}
	defer c.Done()
	for range maxAttempts {
		r := newReader(c, true)
		result := look(r)
		r.remember()
		switch changed, err := r.changed(); {
		case err != nil:
			return err
		case !changed:
			return result
		}
	}
	return fmt.Errorf("nftables: %w", ErrChanged)
}

// Probe says whether the kernel has nftables and lets the caller use it.
func Probe(ctx context.Context) error {
	c, err := open(ctx)
	if err != nil {
		return err
	}
	defer c.Done()
	_, err = c.generation()
	return err
}
