package nft

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Reader looks at the rules as they are. Of objects that are not there it returns nothing, and no error. It is valid
// until the function it was given to returns.
//
// It asks the kernel for nothing that is remembered, and as late as it can: what is expected is asked together.
type Reader struct {
	c       *conn
	closing bool // ask for the generation after the rest too

	opened  bool
	began   uint32 // the generation
	settled bool   // all that was read is of that generation
	known   facts  // what is remembered of it
	read    facts  // what was read since, to be remembered

	expected []expectation
	elements map[place]*Element // what was found; nil for none
	counts   map[place]int
}

// place is a key of a set; the set itself if there is no key.
type place struct {
	table    Table
	set, key string
}

type expectation struct {
	set Set
	key []byte // nil for the number of elements
}

func (e expectation) place() place { return place{e.set.Table, e.set.Name, string(e.key)} }

func newReader(c *conn, closing bool) *Reader {
	c.interrupted = false
	r := &Reader{c: c, closing: closing, settled: true, read: facts{}, elements: map[place]*Element{}, counts: map[place]int{}}
	r.began, r.known = c.pool.memory.recall(c.cookie)
	return r
}

// Prefetch says that Find will be asked for the keys: they are looked up together with what is asked next.
func (r *Reader) Prefetch(s Set, keys ...[]byte) {
	for _, key := range keys {
		if !s.Interval {
			r.expect(expectation{s, key})
		}
	}
}

// PrefetchCount says that CountAtLeast will be asked for the set.
func (r *Reader) PrefetchCount(s Set) { r.expect(expectation{s, nil}) }

func (r *Reader) expect(e expectation) {
	if !r.has(e.place()) && !slices.ContainsFunc(r.expected, func(o expectation) bool { return o.place() == e.place() }) {
		r.expected = append(r.expected, e)
	}
}

func (r *Reader) has(p place) bool {
	_, found := r.elements[p]
	_, counted := r.counts[p]
	return found || counted
}

// open learns the generation, and what is expected with it. What is remembered of another one is not used. It was taken
// from the memory before the kernel was asked, so that it is not of a later one.
func (r *Reader) open() error {
	if r.opened {
		return nil
	}
	return r.ask()
}

// ask has the kernel answer the questions, after those for the generation and what is expected. Only the last may be for
// a list. The questions keep their own failures.
func (r *Reader) ask(questions ...*question) error {
	for len(r.expected) > maxQuestions {
		if err := r.exchange(r.takeExpected(maxQuestions), nil); err != nil {
			return err
		}
	}
	return r.exchange(r.takeExpected(len(r.expected)), questions)
}

func (r *Reader) takeExpected(n int) []expectation {
	taken := r.expected[:n]
	r.expected = r.expected[n:]
	return taken
}

func (r *Reader) exchange(expected []expectation, questions []*question) error {
	var all []*question
	var first, last uint32
	if !r.opened {
		all = append(all, askGeneration(&first))
	}
	found := make([]answer, len(expected))
	for i, e := range expected {
		found[i].expectation = e
		all = append(all, found[i].question())
	}
	all = append(all, questions...)
	if len(all) == 0 {
		return nil
	}
	again := r.closing && !all[len(all)-1].list && (r.opened || len(all) > 1)
	if again {
		all = append(all, askGeneration(&last))
	}
	if err := r.c.ask(all...); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	if r.c.interrupted {
		return ErrChanged
	}
	if err := all[0].failed; !r.opened && err != nil {
		return all[0].describe(err)
	}
	if !r.opened {
		r.opened = true
		if r.known != nil && r.began != first {
			r.known = nil
		}
		r.began = first
		r.settled = len(all) == 1
	} else {
		r.settled = false
	}
	if again {
		r.settled = all[len(all)-1].failed == nil && last == r.began
	}
	for i := range found {
		if err := r.note(&found[i]); err != nil {
			return err
		}
	}
	return nil
}

// answer is that to an expectation.
type answer struct {
	expectation
	asked *question
	raw   []kernelElement
	count int
}

func (a *answer) question() *question {
	if a.key == nil {
		a.asked = askSet(a.set, &a.count)
	} else {
		a.asked = askElement(a.set, a.key, elementsIn(&a.raw))
	}
	return a.asked
}

func (r *Reader) note(a *answer) error {
	found, err := outcome(a.asked)
	if err != nil {
		return err
	}
	if a.key == nil {
		r.counts[a.place()] = a.count
		return nil
	}
	elements, err := a.set.decodeElements(a.raw)
	if err != nil {
		return a.asked.describe(err)
	}
	r.elements[a.place()] = nil
	if found && len(elements) > 0 {
		r.elements[a.place()] = &elements[0]
	}
	return nil
}

// outcome settles the failure of a question: what is not there is no error.
func outcome(q *question) (found bool, failed error) {
	if errors.Is(q.failed, ErrNotFound) {
		return false, nil
	}
	return q.failed == nil, q.describe(q.failed)
}

// changed says whether the rules may be others than when reading began.
func (r *Reader) changed() (bool, error) {
	if r.c.interrupted {
		return true, nil
	}
	if r.settled {
		return false, nil
	}
	now, err := r.c.generation()
	return now != r.began, err
}

// remember hands what was read to later calls.
func (r *Reader) remember() {
	if r.opened && !r.c.interrupted {
		r.c.pool.memory.learn(r.c.cookie, r.began, r.read)
	}
}

// generation is the number of changes so far, of all processes in the network namespace.
func (c *conn) generation() (uint32, error) {
	var number uint32
	q := askGeneration(&number)
	if err := c.ask(q); err != nil {
		return 0, fmt.Errorf("nftables: %w", err)
	}
	return number, q.describe(q.failed)
}

// recall returns what is known, from before or since. Of a table that is not there nothing else is.
func (r *Reader) recall(f fact) (any, bool, error) {
	if err := r.open(); err != nil {
		return nil, false, err
	}
	if value, found := r.read[f]; found {
		return value, true, nil
	}
	value, found := r.known[f]
	return value, found, nil
}

// table returns what is known of a table.
func (r *Reader) table(t Table) (told tableFact, known bool) {
	for _, all := range []facts{r.read, r.known} {
		if value, found := all[fact{ofTable, t, ""}]; found {
			return value.(tableFact), true
		}
	}
	return tableFact{}, false
}

// keep has a fact about what is in a table remembered. A table that goes with a process does so without being counted,
// so that what is in it, or was at the time, is not kept.
func (r *Reader) keep(f fact, value any, nothing bool, told tableFact) {
	if told.owned || !told.there && !nothing {
		return
	}
	r.read[fact{ofTable, f.table, ""}] = told
	r.read[f] = value
}

// consult asks a question about what is in a table, and before it for the table if that is not known. Nothing is in one that
// is not there.
func (r *Reader) consult(t Table, q *question) (found bool, told tableFact, failed error) {
	told, known := r.table(t)
	switch {
	case known && !told.there:
		return false, told, nil
	case known:
		failed = r.ask(q)
	default:
		first := askTable(t, &told)
		failed = r.ask(first, q)
		if _, err := outcome(first); err != nil {
			told.owned = true // for all that is known
		}
	}
	if failed != nil {
		return false, told, failed
	}
	found, failed = outcome(q)
	return found, told, failed
}

// HasTable says whether there is such a table.
func (r *Reader) HasTable(t Table) (bool, error) {
	if err := r.open(); err != nil {
		return false, err
	}
	told, known := r.table(t)
	if known {
		return told.there, nil
	}
	q := askTable(t, &told)
	if err := r.ask(q); err != nil {
		return false, err
	}
	found, err := outcome(q)
	if err == nil && !told.owned {
		r.read[fact{ofTable, t, ""}] = told
	}
	return found, err
}

// SetNames returns the names of the sets and maps of a table.
func (r *Reader) SetNames(t Table) ([]string, error) {
	f := fact{ofSetNames, t, ""}
	if value, known, err := r.recall(f); known || err != nil {
		names, _ := value.([]string)
		return slices.Clone(names), err
	}
	var names []string
	_, told, err := r.consult(t, &question{kind: unix.NFT_MSG_GETSET, family: t.Family, list: true, body: appendName(nil, unix.NFTA_SET_TABLE, t.Name),
		answer: func(attributes []byte) error {
			return eachAttribute(attributes, func(kind uint16, value []byte) error {
				if kind == unix.NFTA_SET_NAME {
					names = append(names, text(value))
				}
				return nil
			})
		}})
	if err != nil {
		return nil, err
	}
	r.keep(f, names, names == nil, told)
	return slices.Clone(names), nil
}

// HasSet says whether the table has a set of that name.
func (r *Reader) HasSet(s Set) (bool, error) {
	f := fact{ofSet, s.Table, s.Name}
	if value, known, err := r.recall(f); known || err != nil {
		there, _ := value.(bool)
		return there, err
	}
	var count int
	found, told, err := r.consult(s.Table, askSet(s, &count))
	if err != nil {
		return false, err
	}
	r.keep(f, found, !found, told)
	return found, nil
}

// Find returns the element with the key; of an interval set, the one whose first key it is. One element is read, and
// not the set, but for interval sets.
func (r *Reader) Find(s Set, key []byte) (*Element, error) {
	if s.Interval {
		return r.findRange(s, key)
	}
	e := expectation{s, key}
	if !r.has(e.place()) {
		r.expect(e)
		if err := r.ask(); err != nil {
			return nil, err
		}
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

// Elements returns all elements of a set, the ranges of an interval set in ascending order.
func (r *Reader) Elements(s Set) ([]Element, error) {
	f := fact{ofRanges, s.Table, s.Name}
	if s.Interval {
		if value, known, err := r.recall(f); known || err != nil {
			elements, _ := value.([]Element)
			return slices.Clone(elements), err
		}
	}
	var raw []kernelElement
	q := askElements(s, elementsIn(&raw))
	if !s.Interval {
		if err := r.ask(q); err != nil {
			return nil, err
		}
		if found, err := outcome(q); !found {
			return nil, err
		}
		return s.decodeElements(raw)
	}
	_, told, err := r.consult(s.Table, q)
	if err != nil {
		return nil, err
	}
	elements, err := s.decodeElements(raw)
	if err == nil && !slices.ContainsFunc(raw, func(e kernelElement) bool { return e.passing }) {
		r.keep(f, elements, elements == nil, told)
	}
	return slices.Clone(elements), err
}

// CountAtLeast returns the number of elements of a set that is not an interval set; of a large one, where the kernel does not
// count, some dozens without reading all.
func (r *Reader) CountAtLeast(s Set) (int, error) {
	e := expectation{s, nil}
	if !r.has(e.place()) {
		r.expect(e)
		if err := r.ask(); err != nil {
			return 0, err
		}
	}
	if count := r.counts[e.place()]; count != unknownCount {
		return count, nil
	}
	r.settled = false
	return peek(r.c.ctx, s)
}
