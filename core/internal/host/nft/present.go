package nft

import (
	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// PresentChains returns those of some chains that exist. It asks for all at once.
func (r *Reader) PresentChains(chains ...Chain) ([]Chain, error) {
	if err := r.lookForChains(chains); err != nil {
		return nil, err
	}
	var present []Chain
	for _, c := range chains {
		found, err := r.Chain(c.Table, c.Name)
		if err != nil {
			return nil, err
		}
		if found != nil {
			present = append(present, c)
		}
	}
	return present, nil
}

// lookForChains asks for the chains, and their tables, that are not known.
func (r *Reader) lookForChains(chains []Chain) error {
	var asked []*chainQuestion
	var questions []*wire.Question
	tables := map[Table]*tableQuestion{}
	for _, c := range chains {
		if _, known, err := r.recall(fact{ofChain, c.Table, c.Name}); known || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if tables[c.Table] == nil {
			t := askForTable(c.Table)
			tables[c.Table], questions = t, append(questions, t.question)
		}
		q := askForChain(c, tables[c.Table])
		asked, questions = append(asked, q), append(questions, q.question)
	}
	if len(questions) == 0 {
		return nil
	}
	if err := r.ask(questions...); err != nil {
		return err
	}
	for _, q := range asked {
		if err := q.keep(r); err != nil {
			return err
		}
	}
	return nil
}

type tableQuestion struct {
	question *wire.Question
	found    wire.Table
}

func askForTable(t Table) *tableQuestion {
	q := &tableQuestion{}
	q.question = wire.GetTable(byte(t.Family), t.Name, &q.found)
	return q
}

type chainQuestion struct {
	question *wire.Question
	of       *tableQuestion
	chain    Chain
	found    *Chain
}

func askForChain(c Chain, of *tableQuestion) *chainQuestion {
	q := &chainQuestion{of: of, chain: c}
	q.question = getChain(c.Table, c.Name, &q.found)
	return q
}

// keep keeps the answer unless the table belongs to a process.
func (q *chainQuestion) keep(r *Reader) error {
	if _, err := q.of.question.Outcome(); err != nil {
		return err
	}
	if _, err := q.question.Outcome(); err != nil {
		return err
	}
	r.keep(fact{ofChain, q.chain.Table, q.chain.Name}, q.found, q.found == nil, q.of.found)
	return nil
}
