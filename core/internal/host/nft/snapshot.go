package nft

import (
	"fmt"

	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// snapshot keeps what a Reader has read, and the generation of the rules it is from.
type snapshot struct {
	closing bool // ask for the generation after other questions too

	begun   bool
	began   uint32 // the generation
	settled bool   // all that was read is of that generation
	known   facts  // from the cache, of that generation
	read    facts  // since, for the cache
}

// begin learns the generation, and what is prefetched with it. Facts of another generation are not
// used. They were taken from the cache before the kernel was asked, so that they are not of a later
// one.
func (r *Reader) begin() error {
	if r.begun {
		return nil
	}
	return r.ask()
}

// ask asks the questions, after those for the generation and for what is prefetched. Only the last
// may be for a list. The questions keep their own refusals.
func (r *Reader) ask(questions ...*wire.Question) error {
	for len(r.wanted) > wire.MaxQuestions {
		if err := r.exchange(r.takeWanted(wire.MaxQuestions), nil); err != nil {
			return err
		}
	}
	return r.exchange(r.takeWanted(len(r.wanted)), questions)
}

func (r *Reader) exchange(wanted []lookup, questions []*wire.Question) error {
	found := lookUp(wanted)
	e := r.frame(found, questions)
	if len(e.questions) == 0 {
		return nil
	}
	if err := r.c.Ask(e.questions...); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	if err := r.settle(e); err != nil {
		return err
	}
	return r.store(found)
}

// exchange is a datagram of questions, perhaps between two for the generation.
type exchange struct {
	questions        []*wire.Question
	opening, closing *wire.Question // nil if not asked
	first, last      uint32         // the answers to them
}

// frame joins lookups, questions, and those for the generation: at the beginning of reading, and
// after other questions for a Reader that is closing, unless the last question is for a list.
func (r *Reader) frame(found results, questions []*wire.Question) *exchange {
	e := &exchange{questions: make([]*wire.Question, 0, len(found)+len(questions)+2)}
	if !r.begun {
		e.opening = wire.GetGeneration(&e.first)
		e.questions = append(e.questions, e.opening)
	}
	for i := range found {
		e.questions = append(e.questions, found[i].question)
	}
	e.questions = append(e.questions, questions...)

	last := len(e.questions) - 1
	hasOthers := len(found)+len(questions) > 0
	if r.closing && hasOthers && !e.questions[last].IsList() {
		e.closing = wire.GetGeneration(&e.last)
		e.questions = append(e.questions, e.closing)
	}
	return e
}

// settle records the generation, and whether what was read is known to be of it.
func (r *Reader) settle(e *exchange) error {
	if e.opening != nil {
		if err := e.opening.Err(); err != nil {
			return err
		}
		r.opened(e.first)
	}

	r.settled = e.opening != nil && len(e.questions) == 1
	if e.closing != nil {
		r.settled = e.closing.Err() == nil && e.last == r.began
	}
	return nil
}

// opened records the generation that reading began with.
func (r *Reader) opened(generation uint32) {
	r.begun = true
	if r.began != generation {
		r.known = nil
	}
	r.began = generation
}

// changed reports whether the rules may have changed since reading began.
func (r *Reader) changed() (bool, error) {
	if r.c.Interrupted {
		return true, nil
	}
	if r.settled {
		return false, nil
	}
	now, err := r.c.generation()
	return now != r.began, err
}

// generation returns the number of changes so far, of all processes in the network namespace.
func (c *conn) generation() (uint32, error) {
	var number uint32
	q := wire.GetGeneration(&number)
	if err := c.Ask(q); err != nil {
		return 0, fmt.Errorf("nftables: %w", err)
	}
	return number, q.Err()
}

// remember adds what was read to the cache.
func (r *Reader) remember() {
	if r.begun && !r.c.Interrupted {
		r.c.cache.add(r.c.Cookie, r.began, r.read)
	}
}

// recall returns what is known, from the cache or since.
func (r *Reader) recall(f fact) (any, bool, error) {
	if err := r.begin(); err != nil {
		return nil, false, err
	}
	if value, found := r.read[f]; found {
		return value, true, nil
	}
	value, found := r.known[f]
	return value, found, nil
}

// table returns what is known of a table.
func (r *Reader) table(t Table) (table wire.Table, known bool) {
	for _, all := range []facts{r.read, r.known} {
		if value, found := all[fact{ofTable, t, ""}]; found {
			return value.(wire.Table), true
		}
	}
	return wire.Table{}, false
}

// keep marks a fact about the content of a table for the cache. absent means that the fact is an
// absence. If a table belongs to a process, the kernel deletes it without counting that as a
// change, so that neither its content nor its absence is kept.
func (r *Reader) keep(f fact, value any, absent bool, table wire.Table) {
	if table.Owned || !table.Exists && !absent {
		return
	}
	r.read[fact{ofTable, f.table, ""}] = table
	r.read[f] = value
}

// askIn asks a question about the content of a table, and before it for the table if that is not
// known. A table that does not exist has no content.
func (r *Reader) askIn(t Table, q *wire.Question) (found bool, table wire.Table, failed error) {
	table, known := r.table(t)
	switch {
	case known && !table.Exists:
		return false, table, nil
	case known:
		failed = r.ask(q)
	default:
		first := wire.GetTable(byte(t.Family), t.Name, &table)
		failed = r.ask(first, q)
		if _, err := first.Outcome(); err != nil {
			table.Owned = true // it may be
		}
	}
	if failed != nil {
		return false, table, failed
	}
	found, failed = q.Outcome()
	return found, table, failed
}
