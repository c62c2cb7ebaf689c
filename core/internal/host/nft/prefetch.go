package nft

import (
	"context"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// lookup is a question for one element of a set, or for the number of its elements.
type lookup struct {
	set Set
	key []byte // nil for the number
}

// place identifies a lookup.
type place struct {
	table    Table
	set, key string
}

func (l lookup) place() place { return place{l.set.Table, l.set.Name, string(l.key)} }

// lookups are those that a Reader wants, and the results of those that it has made.
type lookups struct {
	wanted   []lookup
	elements map[place]*Element // nil if it does not exist
	counts   map[place]int
}

// Prefetch says that Find will be called for the keys: they are looked up together with the next
// question.
func (r *Reader) Prefetch(s Set, keys ...[]byte) {
	for _, key := range keys {
		if !s.Interval {
			r.want(lookup{s, key})
		}
	}
}

// PrefetchCount says that CountAtLeast will be called for the set.
func (r *Reader) PrefetchCount(s Set) { r.want(lookup{s, nil}) }

func (l *lookups) want(e lookup) {
	isSame := func(o lookup) bool { return o.place() == e.place() }
	if !l.has(e.place()) && !slices.ContainsFunc(l.wanted, isSame) {
		l.wanted = append(l.wanted, e)
	}
}

func (l *lookups) has(p place) bool {
	_, found := l.elements[p]
	_, counted := l.counts[p]
	return found || counted
}

func (l *lookups) takeWanted(n int) []lookup {
	taken := l.wanted[:n]
	l.wanted = l.wanted[n:]
	return taken
}

// look makes a lookup now, with those that are wanted, unless it was made.
func (r *Reader) look(e lookup) error {
	if r.has(e.place()) {
		return nil
	}
	r.want(e)
	return r.ask()
}

// result is the answer to a lookup.
type result struct {
	lookup
	question *wire.Question
	elements []wire.Element
	count    int
}

type results []result

func lookUp(wanted []lookup) results {
	all := make(results, len(wanted))
	for i, l := range wanted {
		r := &all[i]
		r.lookup = l
		if l.key == nil {
			r.question = wire.GetSet(l.set.wire(), &r.count)
		} else {
			r.question = wire.GetElement(l.set.wire(), l.key, &r.elements)
		}
	}
	return all
}

func (l *lookups) store(all results) error {
	for i := range all {
		r := &all[i]
		found, err := r.question.Outcome()
		if err != nil {
			return err
		}
		if r.key == nil {
			l.counts[r.place()] = r.count
			continue
		}
		l.elements[r.place()] = nil
		if elements := r.set.decode(r.elements); found && len(elements) > 0 {
			l.elements[r.place()] = &elements[0]
		}
	}
	return nil
}

// countSome counts some elements of a set over a connection of its own, which it leaves in the
// middle of a list.
func countSome(ctx context.Context, s Set) (int, error) {
	c, err := open(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Done()
	return c.CountSome(s.wire())
}
