package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// benchCase is a group of measurements.
type benchCase struct {
	name string
	run  func(*bench) error
}

// The names of the cases, by which results are looked up.
const (
	bridgeCase = "bridge + host-local"
	fullCase   = "full chain"
	coldCase   = "cold, full chain"
	dualCase   = "dual stack"
	batchCase  = "50 networks"
	loadCase   = "load"
	onDisk     = ", state on disk"

	linkedProgram = "a program linked with libcni.so"
)

func cases() []benchCase {
	return []benchCase{
		comparison{
			name: bridgeCase, chain: "bridge", full: 200, quick: 9, check: true,
			sides: []string{theFloor, oneQueue, libcni, reference},
		}.add(),
		comparison{
			name: bridgeCase + onDisk, chain: "bridge", full: 100, quick: 3, disk: true,
			sides: []string{theFloor, libcni, reference},
		}.add(),
		comparison{
			name: fullCase, chain: "full", full: 200, quick: 4, check: true,
			sides: []string{libcni, reference, iptables, netavark, packagedNetavark},
		}.add(),
		comparison{
			name: fullCase + onDisk, chain: "full", full: 25, quick: 3, disk: true,
			sides: []string{libcni, reference},
		}.add(),
		comparison{
			name: coldCase, chain: "full", full: 40, quick: 3,
			sides: []string{libcni, isolated, cold, cnitool},
		}.add(),
		comparison{
			name: dualCase, chain: "full", full: 25, quick: 3, dual: true,
			sides: []string{libcni, reference},
		}.add(),
		comparison{
			name: batchCase, chain: "bridge", full: 50, quick: 3, each: 1,
			sides: []string{libcni, reference},
		}.add(),
		{loadCase, load},
		{"endurance", endurance},
		{"parallel", parallel},
		{"attached", attached},
		{publishedCase, published},
	}
}

// comparison is a case in which sides attach, check and detach the same number of containers.
type comparison struct {
	name, chain string
	full, quick int // containers in a full and in a quick run
	each        int // containers to a network; 0: all on one
	disk        bool
	dual        bool
	check       bool
	sides       []string
}

func (c comparison) add() benchCase {
	return benchCase{c.name, func(b *bench) error {
		sides, err := b.sidesOf(c)
		if err != nil {
			return err
		}
		methods := []string{"add", "check", "del"}
		if !c.check {
			methods = []string{"add", "del"}
		}
		count := b.count(c.full, c.quick)
		if b.baseline != "" {
			count = max(count, 3*b.runs())
		}
		if err := b.takeTurns(sides, count, methods); err != nil {
			return err
		}
		b.reportTimes(c.name, sides, methods)
		return each(sides, (*side).end)
	}}
}

func (b *bench) sidesOf(c comparison) (sides []*side, err error) {
	parent := b.dir
	if c.disk {
		parent = b.build
	}
	for i, v := range b.variants(c.sides) {
		if !b.installed(c.name, v.name) {
			continue
		}
		s, err := b.newSide(v,
			side{chain: c.chain, number: 60 + i, dir: parent, each: c.each, dual: c.dual})
		if err != nil {
			return nil, err
		}
		sides = append(sides, s)
	}
	return sides, nil
}

// runs returns the number of turns of each side. Turns expose all sides to the same moments of the
// machine; each round begins with another side.
func (b *bench) runs() int {
	if b.baseline != "" {
		return b.count(20, 8)
	}
	return b.count(5, 3)
}

// takeTurns makes each side in turn attach, check and detach its share of the containers. The share
// is large enough for calls to be as warm as on a host with more than one container. During a turn
// one container of each other side is attached, and no more, since sides that list all rules would
// also list those of the others.
func (b *bench) takeTurns(sides []*side, count int, methods []string) error {
	for _, s := range sides {
		if err := s.prepare(count); err != nil {
			return err
		}
	}
	for run := range b.runs() {
		for _, s := range b.order(sides, run) {
			if err := s.turn(methods, count*run/b.runs(), count*(run+1)/b.runs()); err != nil {
				return fmt.Errorf("%s: %w", s.label(), err)
			}
		}
	}
	return nil
}

// turn makes the calls for a range of the measured containers.
func (s *side) turn(methods []string, from, to int) error {
	for _, method := range methods {
		if err := s.calls(method, from, to); err != nil {
			return err
		}
		if method == "add" {
			if err := s.connects(from, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// calls makes the calls of one method, after the kernel has finished the deferred work of earlier
// calls.
func (s *side) calls(method string, from, to int) error {
	if from == to || !s.has(method) {
		return nil
	}
	if err := quiet(); err != nil {
		return err
	}
	var times []time.Duration
	for i := from; i < to; i++ {
		took, err := s.make(method, warming+i)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	s.turns[method] = append(s.turns[method], times)
	return nil
}

func (b *bench) reportTimes(name string, sides []*side, methods []string) {
	for _, method := range methods {
		for _, s := range sides {
			b.report.addTurns(name, s.label(), method, s.turns[method])
		}
	}
	b.reportRatios(name, sides, methods)
}

func rotated(sides []*side, by int) []*side {
	by %= len(sides)
	return append(append([]*side{}, sides[by:]...), sides[:by]...)
}

func each(sides []*side, do func(*side) error) (err error) {
	for _, s := range sides {
		err = errors.Join(err, do(s))
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// load measures the size of the library and the time that a program takes to start and end, with
// the library and without it.
func load(b *bench) error {
	library, err := filepath.EvalSymlinks(filepath.Join(b.build, "libcni.so"))
	if err != nil {
		return err
	}
	info, err := os.Stat(library)
	if err != nil {
		return err
	}
	b.report.figure(sizeFigure, "MB", float64(info.Size())/1e6)
	if err := quiet(); err != nil {
		return err
	}
	if b.baseline != "" {
		return compareStarts(b)
	}
	if err := starts(b); err != nil {
		return err
	}
	return answers(b)
}

// starts measures programs from their start to their end.
func starts(b *bench) error {
	names := []string{linkedProgram, "the same without", "… with a library in Go that does nothing"}
	programs := []string{"empty", "alone", "nothing"}
	times := make([][]time.Duration, len(programs))
	for range 1 + b.count(100, 10) { // the first is not counted
		for i, p := range programs {
			took, err := timed(exec.Command(program(b.build, p)))
			if err != nil {
				return err
			}
			times[i] = append(times[i], took)
		}
	}
	for i, name := range names {
		b.report.add(loadCase, name, "start", times[i][1:])
	}
	return nil
}

// answers measures the lower bound of isolated mode: a child that loads a library in Go and calls
// it.
func answers(b *bench) error {
	p, err := start(exec.Command(program(b.build, "child")))
	if err != nil {
		return err
	}
	defer p.end()
	var times []time.Duration
	for range 1 + b.count(100, 10) {
		took, err := p.call("call {}")
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	b.report.add(loadCase, "… the same library, loaded by a child", "call", times[1:])
	return nil
}
