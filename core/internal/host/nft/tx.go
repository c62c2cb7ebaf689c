package nft

import (
	"github.com/google/nftables"
)

// Tx reads, and queues changes. They are applied when the function that it was given to has
// returned.
type Tx struct {
	*Reader
	tables map[Table]bool // queued already
	chains map[Chain]bool
	sets   []Set
	rules  []Rule
	batch

	deleted map[tableSet]map[string]bool // keys that the batch deletes and does not add again
	gone    map[ruleID]bool              // rules that the batch deletes
	flushed map[chainName]bool           // chains that the batch empties

	// careful: a set of the batch exists in another form, as a version of nft or of libcni made it.
	// Sets that exist are then used as they are.
	careful bool
}

func newTx(c *conn) *Tx {
	return &Tx{Reader: newReader(c, false), tables: map[Table]bool{}, chains: map[Chain]bool{},
		batch: batch{changes: map[fact]bool{}}, deleted: map[tableSet]map[string]bool{},
		gone: map[ruleID]bool{}, flushed: map[chainName]bool{}}
}

// tableSet names a set.
type tableSet struct {
	table Table
	name  string
}

func (s Set) named() tableSet { return tableSet{s.Table, s.Name} }

// Object is a Table, Chain or Set.
type Object interface{ ensure(*Tx) }

// Ensure makes those tables, chains and sets that do not exist, and the tables of chains and sets.
// It reads nothing.
func (tx *Tx) Ensure(objects ...Object) {
	for _, o := range objects {
		o.ensure(tx)
	}
}

func (t Table) ensure(tx *Tx) {
	if !tx.tables[t] {
		tx.tables[t] = true
		tx.AddTable(byte(t.Family), t.Name, t.comment())
		tx.change(ofTable, t, "")
	}
}

func (c Chain) ensure(tx *Tx) {
	c.Table.ensure(tx)
	if !tx.chains[c] {
		tx.chains[c] = true
		if tx.replaced[c.id()] {
			tx.replace(c)
		}
		tx.AddChain(c.declaration())
		tx.changeChain(c)
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
	if tx.careful {
		if exists, err := tx.HasSet(s); exists || err != nil {
			tx.Fail(err)
			return
		}
	}
	tx.AddSet(s.declaration())
	tx.changeSet(s)
}

// EnsureRule adds the rule at the end of its chain unless it exists. It replaces one with the same
// comment that does something else. A rule without comment is compared only with others without
// comment.
func (tx *Tx) EnsureRule(rule Rule) error {
	rule = rule.Prepared()
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

// AddRule adds a rule at the end of its chain, whether it exists or not.
func (tx *Tx) AddRule(rule Rule) {
	tx.encode(func(e *nftables.Conn) error { e.AddRule(rule.encoded()); return nil })
	tx.changeRules(rule.Chain)
}

// ruleID identifies a rule that was read.
type ruleID struct {
	table  Table
	handle uint64
}

// DeleteRules deletes rules that Rules has returned, each once.
func (tx *Tx) DeleteRules(rules ...Rule) {
	for _, r := range rules {
		id := ruleID{r.Chain.Table, r.Handle}
		if tx.gone[id] || tx.flushed[r.Chain.id()] {
			continue
		}
		tx.gone[id] = true
		n := r.encoded()
		n.Handle = r.Handle
		tx.encode(func(e *nftables.Conn) error { return e.DelRule(n) })
		tx.changeRules(r.Chain)
	}
}

// FlushChain deletes all rules of a chain, which must exist.
func (tx *Tx) FlushChain(c Chain) {
	tx.encode(func(e *nftables.Conn) error { e.FlushChain(c.encoded()); return nil })
	tx.flushed[c.id()] = true
	tx.changeRules(c)
}

// DeleteChain deletes a chain that no rule jumps to, with its rules.
func (tx *Tx) DeleteChain(c Chain) {
	tx.FlushChain(c)
	tx.encode(func(e *nftables.Conn) error { e.DelChain(c.encoded()); return nil })
	tx.changeChain(c)
}

// DeleteSet deletes a set that no rule uses, with its elements.
func (tx *Tx) DeleteSet(s Set) {
	named := &nftables.Set{Table: s.Table.encoded(), Name: s.Name}
	tx.encode(func(e *nftables.Conn) error { e.DelSet(named); return nil })
	tx.changeSet(s)
}

// AddElements adds elements. If a key exists with another value, the batch fails with ErrExists;
// with the same value the element keeps its comment.
func (tx *Tx) AddElements(s Set, elements ...Element) {
	if deleted := tx.deleted[s.named()]; len(deleted) > 0 {
		for _, e := range elements {
			delete(deleted, string(e.Key))
		}
	}
	tx.Batch.AddElements(s.wire(), s.encode(elements))
	tx.change(ofRanges, s.Table, s.Name)
}

// DeleteElements deletes elements that were read, each once. If a key does not exist, the batch
// fails.
func (tx *Tx) DeleteElements(s Set, elements ...Element) {
	deleted := tx.deleted[s.named()]
	if deleted == nil {
		deleted = make(map[string]bool, len(elements))
		tx.deleted[s.named()] = deleted
	}
	present := make([]Element, 0, len(elements))
	for _, e := range elements {
		if !deleted[string(e.Key)] {
			deleted[string(e.Key)] = true
			present = append(present, e)
		}
	}
	tx.Batch.DeleteElements(s.wire(), s.encode(present))
	tx.change(ofRanges, s.Table, s.Name)
}

// Exchange deletes elements that were read, and adds others. Either may be none.
func (tx *Tx) Exchange(s Set, old, others []Element) {
	if len(old) > 0 {
		tx.DeleteElements(s, old...)
	}
	if len(others) > 0 {
		tx.AddElements(s, others...)
	}
}

// Put stores the element at its key, replacing any existing one regardless of owner.
func (tx *Tx) Put(s Set, e Element) error {
	present, err := tx.Find(s, e.Key)
	if err != nil {
		return err
	}
	if present != nil {
		if present.Equal(e) {
			return nil
		}
		tx.DeleteElements(s, *present)
	}
	tx.AddElements(s, e)
	return nil
}

// Claim is Put that returns a *TakenError if the key belongs to another owner. The element's
// comment becomes the owner's.
func (tx *Tx) Claim(s Set, owner Owner, e Element) error {
	present, err := tx.Find(s, e.Key)
	if err != nil {
		return err
	}
	if present != nil && !owner.Owns(present.Comment) {
		return &TakenError{Set: s, Element: *present}
	}
	e.Comment = owner.Comment()
	return tx.Put(s, e)
}

// Release deletes those elements with the keys that belong to the owner, and returns their number.
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

// ReleaseAll deletes all elements of the owner and returns them. It reads the whole set.
func (tx *Tx) ReleaseAll(s Set, owner Owner) ([]Element, error) {
	return tx.DeleteWhere(s, func(e Element) bool { return owner.Owns(e.Comment) })
}

// DeleteWhere deletes the elements that unwanted selects, and returns them. It reads the whole set.
func (tx *Tx) DeleteWhere(s Set, unwanted func(Element) bool) ([]Element, error) {
	elements, err := tx.Elements(s)
	if err != nil {
		return nil, err
	}
	var deleted []Element
	for _, e := range elements {
		if unwanted(e) {
			deleted = append(deleted, e)
		}
	}
	if len(deleted) > 0 {
		tx.DeleteElements(s, deleted...)
	}
	return deleted, nil
}
