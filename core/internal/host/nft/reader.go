package nft

import (
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// Reader reads the rules. Of objects that do not exist it returns nothing, and no error. It is
// valid until the function that it was given to returns.
//
// It asks the kernel only for what is not cached, and as late as possible: what is prefetched
// travels with the next question.
type Reader struct {
	c *conn
	snapshot
	lookups

	replaced map[chainName]bool // chains that the batch makes anew, without the rules they have
}

func newReader(c *conn, closing bool) *Reader {
	c.Interrupted = false
	r := &Reader{c: c, snapshot: snapshot{closing: closing, settled: true, read: facts{}},
		lookups: lookups{elements: map[place]*Element{}, counts: map[place]int{}}}
	r.began, r.known = c.cache.get(c.Cookie)
	return r
}

// HasTable reports whether a table exists.
func (r *Reader) HasTable(t Table) (bool, error) {
	if err := r.begin(); err != nil {
		return false, err
	}
	if table, known := r.table(t); known {
		return table.Exists, nil
	}

	var table wire.Table
	q := wire.GetTable(byte(t.Family), t.Name, &table)
	if err := r.ask(q); err != nil {
		return false, err
	}
	found, err := q.Outcome()
	if err == nil && !table.Owned {
		r.read[fact{ofTable, t, ""}] = table
	}
	return found, err
}

// IsDormant reports whether a table exists whose rules have no effect.
func (r *Reader) IsDormant(t Table) (bool, error) {
	if exists, err := r.HasTable(t); err != nil || !exists {
		return false, err
	}
	table, _ := r.table(t)
	return table.Dormant, nil
}

// SetNames returns the names of the sets and maps of a table.
func (r *Reader) SetNames(t Table) ([]string, error) {
	return list(r, fact{ofSetNames, t, ""}, func(names *[]string) *wire.Question {
		return wire.ListSets(byte(t.Family), t.Name, names)
	})
}

// HasSet reports whether the table has a set of that name.
func (r *Reader) HasSet(s Set) (bool, error) {
	f := fact{ofSet, s.Table, s.Name}
	if value, known, err := r.recall(f); known || err != nil {
		exists, _ := value.(bool)
		return exists, err
	}

	var count int
	found, table, err := r.askIn(s.Table, wire.GetSet(s.wire(), &count))
	if err != nil {
		return false, err
	}
	r.keep(f, found, !found, table)
	return found, nil
}

// Find returns the element with the key, or nil; of an interval set, the range whose first key it
// is. It reads one element and not the set, except for interval sets.
func (r *Reader) Find(s Set, key []byte) (*Element, error) {
	if s.Interval {
		return r.findRange(s, key)
	}

	e := lookup{s, key}
	if err := r.look(e); err != nil {
		return nil, err
	}
	if found := r.elements[e.place()]; found != nil {
		copied := *found
		return &copied, nil
	}
	return nil, nil
}

func (r *Reader) findRange(s Set, key []byte) (*Element, error) {
	elements, err := r.Elements(s)
	for i, e := range elements {
		if string(e.Key) == string(key) {
			return &elements[i], err
		}
	}
	return nil, err
}

// Elements returns all elements of a set; those of an interval set are the ranges, in ascending
// order.
func (r *Reader) Elements(s Set) ([]Element, error) {
	if s.Interval {
		return r.ranges(s)
	}

	var raw []wire.Element
	q := wire.ListElements(s.wire(), &raw)
	if err := r.ask(q); err != nil {
		return nil, err
	}
	if found, err := q.Outcome(); !found {
		return nil, err
	}
	return s.decode(raw), nil
}

// ranges returns the elements of an interval set, to which packets cannot add.
func (r *Reader) ranges(s Set) ([]Element, error) {
	f := fact{ofRanges, s.Table, s.Name}
	if value, known, err := r.recall(f); known || err != nil {
		elements, _ := value.([]Element)
		return slices.Clone(elements), err
	}

	var raw []wire.Element
	_, table, err := r.askIn(s.Table, wire.ListElements(s.wire(), &raw))
	if err != nil {
		return nil, err
	}
	elements := s.decode(raw)
	if !slices.ContainsFunc(raw, func(e wire.Element) bool { return e.Expires }) {
		r.keep(f, elements, elements == nil, table)
	}
	return slices.Clone(elements), nil
}

// CountAtLeast returns the number of elements of a set that is not an interval set. If the set is
// large and the kernel does not count, it returns some dozens without reading all.
func (r *Reader) CountAtLeast(s Set) (int, error) {
	e := lookup{s, nil}
	if err := r.look(e); err != nil {
		return 0, err
	}
	if count := r.counts[e.place()]; count != wire.UnknownCount {
		return count, nil
	}
	r.settled = false
	return countSome(r.c.ctx, s)
}

// list returns a list of things in a table, from the cache or by the question that ask makes.
func list[T any](r *Reader, f fact, ask func(found *[]T) *wire.Question) ([]T, error) {
	if value, known, err := r.recall(f); known || err != nil {
		found, _ := value.([]T)
		return slices.Clone(found), err
	}

	var found []T
	_, table, err := r.askIn(f.table, ask(&found))
	if err != nil {
		return nil, err
	}
	r.keep(f, found, found == nil, table)
	return slices.Clone(found), nil
}
