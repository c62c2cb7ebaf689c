package nft

import (
	"github.com/google/nftables"

	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// batch is what is queued, and which of the known facts it may change.
type batch struct {
	wire.Batch
	changes map[fact]bool
}

// encode lets the library encode one message.
func (tx *Tx) encode(add func(*nftables.Conn) error) { tx.Encode(tx.c.Conn, add) }

func (tx *Tx) change(about subject, t Table, name string) {
	tx.changes[fact{about, t, name}] = true
}

func (tx *Tx) changeRules(c Chain) {
	tx.change(ofChain, c.Table, c.Name) // it counts them
	tx.change(ofRules, c.Table, c.Name)
	tx.change(ofIptables, c.Table, c.Name)
	tx.change(ofPortRules, c.Table, c.Name)
}

func (tx *Tx) changeChain(c Chain) {
	tx.changeRules(c)
	tx.change(ofChains, c.Table, "")
}

func (tx *Tx) changeSet(s Set) {
	tx.change(ofRanges, s.Table, s.Name)
	tx.change(ofSet, s.Table, s.Name)
	tx.change(ofSetNames, s.Table, "")
}

// commit applies what is queued if the rules are still those that were read.
func (tx *Tx) commit() error {
	tx.wake()
	if tx.IsEmpty() {
		if tx.c.Interrupted {
			return ErrChanged
		}
		return nil
	}

	if err := tx.begin(); err != nil {
		return err
	}
	made, err := tx.c.Apply(&tx.Batch, tx.began, tx.knownTable())
	if err != nil {
		return err
	}
	if made == tx.began+1 && made != 0 { // the change from one generation to the next was ours
		tx.c.cache.advance(tx.c.Cookie, tx.began, made, tx.read, tx.changes)
		tx.read = nil
	}
	return nil
}

// wake makes the tables of libcni active that were found dormant.
func (tx *Tx) wake() {
	for _, f := range []Family{Inet, Bridge} {
		if table, known := tx.table(Own(f)); known && table.Dormant {
			Own(f).ensure(tx)
		}
	}
}

// knownTable returns the name of a table that exists, of the family of the first change, or "".
func (tx *Tx) knownTable() string {
	family, is := tx.FirstElements()
	if !is {
		return ""
	}
	t := Own(Family(family))
	if table, known := tx.table(t); known && table.Exists && !tx.tables[t] {
		return t.Name
	}
	return ""
}
