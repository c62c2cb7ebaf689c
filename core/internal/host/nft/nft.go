// Package nft is the one place that speaks nftables. What libcni makes lives in the tables "inet libcni" and "bridge
// libcni"; each object says in its comment whose it is.
//
// A plugin's call changes rules with one Update, which holds the host-wide lock, runs the given function to read and to
// queue changes, and applies these as one atomic batch. If another process has changed any rule since the function began
// to read, nothing is applied and the function runs again: it must have no other effect than what it queues.
//
//	err := nft.Update(ctx, stateDir, func(tx *nft.Tx) error {
//		tx.Ensure(chain, set)                                  // table, chain and set, made if they are missing
//		if err := tx.EnsureRule(rule); err != nil { … }        // compared with what is there, replaced if different
//		return tx.Claim(set, owner, element)                   // *TakenError if the key is another owner's
//	})
//
// A key removed is a key read: the kernel removes by key whatever the value and comment, so that Release and ReleaseAll
// look first whose an element is. An element is changed by removing and adding it, since adding alone keeps the old
// comment. A function that looks for several elements says so with Prefetch, and they are asked for at once. CHECK reads with View, which takes no lock. What a function has queued it does not read back: it changes each
// key once.
//
// Objects are plain values: Table, Chain, Set, Rule, Element, Owner. Keys and data are made with Key of Addr, Port,
// Proto, MAC and Name; ranges with Range. Rules are made with Do of conditions (IsFamily, IsProto, Is, In, InNetwork,
// ToLocal, InState, HasMark and so on) about fields (SrcAddr, DstPort, InLink and so on), and an end (Accept, Jump,
// Masquerade, RedirectFrom, VerdictFrom and so on). In tables of the family Inet, IsFamily comes before addresses.
//
// Names of sets and chains are no keywords of nft's language ("masquerade", "drop"): what nft lists must be what it
// loads. They hold the Hash of a network's name and not the name, which may be longer than they can be.
package nft

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/libcni/libcni/core/internal/host/lockfile"
)

const maxAttempts = 100

// Update runs change and applies what it queued, all or nothing. It works in the network namespace of the calling
// thread; call it on the goroutine that serves the request. The lock is the file locks/nft below stateDir.
func Update(ctx context.Context, stateDir string, change func(*Tx) error) error {
	lock, err := lockfile.Flock(ctx, filepath.Join(stateDir, "locks", "nft"), 0o600, lockfile.Exclusive)
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
	for range maxAttempts {
		tx := newTx(c)
		err := change(tx)
		if err == nil {
			err = tx.commit()
		}
		tx.remember()
		if !errors.Is(err, ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("nftables: %w", ErrChanged)
}

// View runs look, which reads and changes nothing. What look returns passes through, but when the rules changed
// meanwhile: then it runs again.
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
