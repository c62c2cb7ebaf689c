package main

import (
	"fmt"
	"time"
)

// workers is a way to attach many containers at once.
type workers struct{ processes, threads int }

func (c workers) String() string {
	switch {
	case c.processes > 1:
		return fmt.Sprintf("%d processes", c.processes)
	case c.threads == 1:
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", c.threads)
}

var allWorkers = []workers{{1, 1}, {1, 2}, {1, 4}, {1, 8}, {4, 1}}

// parallel attaches containers by several threads and by several processes, with the floor and
// libcni in turns.
func parallel(b *bench) error {
	count := b.count(400, 16)
	if b.baseline != "" {
		count = b.count(100, 16)
	}
	sides, err := b.sidesOf(comparison{chain: "bridge", sides: []string{theFloor, libcni}})
	if err != nil {
		return err
	}
	if err := each(sides, func(s *side) error { return s.prepareWorkers(b, count) }); err != nil {
		return err
	}
	for run := range b.runs() {
		for _, c := range allWorkers {
			for _, s := range b.order(sides, run) {
				if err := s.attachAtOnce(b, c, count); err != nil {
					return fmt.Errorf("%s by %s: %w", s.label(), c, err)
				}
			}
		}
	}
	for _, c := range allWorkers {
		for _, s := range sides {
			times := s.times(c.String())
			b.report.add(fmt.Sprintf("%d at once by %s", count, c), s.label(), "add", times)
			b.report.figure(rateFigure(s.label(), c), "", float64(count)/median(times).Seconds())
		}
		b.reportRatios(fmt.Sprintf("%d at once", count), sides, []string{c.String()})
	}
	for _, s := range sides {
		for _, p := range s.others {
			p.end()
		}
	}
	return each(sides, (*side).end)
}

func rateFigure(side string, c workers) string {
	return fmt.Sprintf("%s: containers attached a second by %s", side, c)
}

// prepareWorkers starts three more processes, whose first calls are not counted either.
func (s *side) prepareWorkers(b *bench, count int) error {
	if err := s.prepare(count); err != nil {
		return err
	}
	for range 3 {
		var p *process
		if err := s.onHost(func() (err error) {
			p, err = start(s.program(b))
			return err
		}); err != nil {
			return err
		}
		s.others = append(s.others, p)
		for _, method := range []string{"add", "del"} {
			if _, err := p.call(s.line(b, method, 1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// attachAtOnce attaches all containers at once, verifies that they are connected, and detaches
// them.
func (s *side) attachAtOnce(b *bench, c workers, count int) error {
	if err := quiet(); err != nil {
		return err
	}
	processes := append([]*process{s.process}, s.others...)[:c.processes]
	begin := time.Now()
	for i, p := range processes {
		from, to := warming+count*i/c.processes, warming+count*(i+1)/c.processes
		if err := p.begin(c.threads, s.lines(b, "add", from, to)); err != nil {
			return err
		}
	}
	var took time.Duration
	for _, p := range processes {
		own, err := p.answer(c.String())
		if err != nil {
			return err
		}
		took = own
	}
	if c.processes > 1 {
		took = time.Since(begin)
	}
	s.turns[c.String()] = append(s.turns[c.String()], []time.Duration{took})
	if err := s.connects(0, count); err != nil {
		return err
	}
	if err := s.process.begin(8, s.lines(b, "del", warming, warming+count)); err != nil {
		return err
	}
	_, err := s.process.answer("8 threads")
	return err
}
