package nft

import (
	"errors"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Tx reads, and queues changes. Nothing is changed before the function it was given to returns.
type Tx struct {
	*Reader
	tables map[Table]bool // queued already
	chains map[Chain]bool
	sets   []Set
	rules  []Rule
	batch
}

func newTx(c *conn) *Tx {
	return &Tx{Reader: newReader(c, false), tables: map[Table]bool{}, chains: map[Chain]bool{}, batch: batch{touched: map[fact]bool{}}}
}

// Object is a Table, Chain or Set.
type Object interface{ ensure(*Tx) }

// Ensure makes what is missing of tables, chains and sets, and leaves what is there. It reads nothing. The table of a
// chain or set comes with it.
func (tx *Tx) Ensure(objects ...Object) {
	for _, o := range objects {
		o.ensure(tx)
	}
}

func (t Table) ensure(tx *Tx) {
	if !tx.tables[t] {
		tx.tables[t] = true
		tx.encode(func(e *nftables.Conn) error { e.AddTable(t.encoded()); return nil })
		tx.touch(ofTable, t, "")
	}
}

func (c Chain) ensure(tx *Tx) {
	c.Table.ensure(tx)
	if !tx.chains[c] {
		tx.chains[c] = true
		tx.encode(func(e *nftables.Conn) error { e.AddChain(c.encoded()); return nil })
		tx.touchChain(c)
	}
}

func (s Set) ensure(tx *Tx) {
	s.Table.ensure(tx)
	for _, other := range tx.sets {
		if s.equal(other) {
			return
		}
	}
	tx.sets = append(tx.sets, s)
	tx.encode(func(e *nftables.Conn) error { return e.AddSet(s.encoded(), nil) })
	tx.touchSet(s)
}

// EnsureRule makes the rule, at the end of its chain, unless it is there. One with the same comment that does something
// else is replaced. A rule without comment is only ever compared with others without.
func (tx *Tx) EnsureRule(rule Rule) error {
	for _, other := range tx.rules {
		if rule.equal(other) && rule.Chain.named(other.Chain) {
			return nil
		}
	}
	rules, err := tx.Rules(rule.Chain)
	if err != nil {
		return err
	}
	for _, other := range rules {
		if rule.equal(other) {
			return nil
		}
	}
	tx.rules = append(tx.rules, rule)
	for _, other := range rules {
		if rule.Comment != "" && other.Comment == rule.Comment {
			tx.DeleteRules(other)
		}
	}
	tx.AddRule(rule)
	return nil
}

// AddRule puts a rule at the end of its chain, without looking whether it is there.
func (tx *Tx) AddRule(rule Rule) {
	tx.encode(func(e *nftables.Conn) error { e.AddRule(rule.encoded()); return nil })
	tx.touchRules(rule.Chain)
}

// DeleteRules removes rules that were returned by Rules.
func (tx *Tx) DeleteRules(rules ...Rule) {
	for _, r := range rules {
		n := r.encoded()
		n.Handle = r.Handle
		tx.encode(func(e *nftables.Conn) error { return e.DelRule(n) })
		tx.touchRules(r.Chain)
	}
}

// FlushChain removes all rules of a chain, which must be there.
func (tx *Tx) FlushChain(c Chain) {
	tx.encode(func(e *nftables.Conn) error { e.FlushChain(c.encoded()); return nil })
	tx.touchRules(c)
}

// DeleteChain removes a chain that nothing leads to, with its rules.
func (tx *Tx) DeleteChain(c Chain) {
	tx.FlushChain(c)
	tx.encode(func(e *nftables.Conn) error { e.DelChain(c.encoded()); return nil })
	tx.touchChain(c)
}

// DeleteSet removes a set that no rule uses, with its elements.
func (tx *Tx) DeleteSet(s Set) {
	tx.encode(func(e *nftables.Conn) error { e.DelSet(s.encoded()); return nil })
	tx.touchSet(s)
}

// AddElements adds elements. Keys that are there with another value make the batch fail with ErrExists; with the same
// value they keep their comment.
func (tx *Tx) AddElements(s Set, elements ...Element) {
	tx.queueElements(unix.NFT_MSG_NEWSETELEM, s, s.kernelElements(elements))
}

// DeleteElements removes elements that were read; a key that is not there makes the batch fail.
func (tx *Tx) DeleteElements(s Set, elements ...Element) {
	encoded := s.kernelElements(elements)
	for i, e := range encoded { // the kernel would compare nothing of the rest
		encoded[i] = kernelElement{key: e.key, last: e.last, end: e.end}
	}
	tx.queueElements(unix.NFT_MSG_DELSETELEM, s, encoded)
}

// Put makes the element what is at its key, whoever's was there.
func (tx *Tx) Put(s Set, e Element) error {
	there, err := tx.Find(s, e.Key)
	if err != nil {
		return err
	}
	if there != nil {
		if there.Comment == e.Comment && there.sameValue(e) {
			return nil
		}
		tx.DeleteElements(s, *there)
	}
	tx.AddElements(s, e)
	return nil
}

// Claim is Put, but for a key that is another owner's: then it returns a *TakenError. The element's comment becomes the
// owner's.
func (tx *Tx) Claim(s Set, owner Owner, e Element) error {
	there, err := tx.Find(s, e.Key)
	if err != nil {
		return err
	}
	if there != nil && !owner.Owns(there.Comment) {
		return &TakenError{Set: s, Element: *there}
	}
	e.Comment = owner.Comment()
	return tx.Put(s, e)
}

// Release removes the elements with the keys that are the owner's, and returns how many that were.
func (tx *Tx) Release(s Set, owner Owner, keys ...[]byte) (int, error) {
	var own []Element
	for _, key := range keys {
		e, err := tx.Find(s, key)
		if err != nil {
			return 0, err
		}
		if e != nil && owner.Owns(e.Comment) {
			own = append(own, *e)
		}
	}
	if len(own) > 0 {
		tx.DeleteElements(s, own...)
	}
	return len(own), nil
}

// ReleaseAll removes the elements that are the owner's, whatever their keys, and returns them. It reads the whole set.
func (tx *Tx) ReleaseAll(s Set, owner Owner) ([]Element, error) {
	return tx.DeleteWhere(s, func(e Element) bool { return owner.Owns(e.Comment) })
}

// DeleteWhere removes the elements that unwanted says so of, and returns them. It reads the whole set.
func (tx *Tx) DeleteWhere(s Set, unwanted func(Element) bool) ([]Element, error) {
	elements, err := tx.Elements(s)
	if err != nil {
		return nil, err
	}
	var swept []Element
	for _, e := range elements {
		if unwanted(e) {
			swept = append(swept, e)
		}
	}
	if len(swept) > 0 {
		tx.DeleteElements(s, swept...)
	}
	return swept, nil
}

// IsTaken returns the refusal of a key that is another owner's, or nil.
func IsTaken(err error) *TakenError {
	var taken *TakenError
	if errors.As(err, &taken) {
		return taken
	}
	return nil
}
