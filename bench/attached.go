package main

import "fmt"

// attached measures ADD and DEL on a host that already has containers, the same number on each of
// ten bridges. The measured containers of libcni and of the floor join the first bridge, and each
// group is detached before the next one, so that the bridge never has many more than its share.
func attached(b *bench) error {
	full := b.count(1000, 100)
	crowd, err := b.newSide(variant{name: libcni},
		side{chain: "bridge", number: 90, dir: b.dir, each: full / 10})
	if err != nil {
		return err
	}
	if err := crowd.makeContainers(full); err != nil {
		return err
	}
	b.report.figure(attachedFigure, "", float64(full))
	have := 0
	for _, want := range []int{0, full / 4, full / 2, full} {
		for ; have < want; have++ {
			if _, err := crowd.make("add", have); err != nil {
				return err
			}
		}
		if err := b.besideCrowd(fmt.Sprintf("%d attached", want), crowd); err != nil {
			return err
		}
	}
	for i := 0; i < full; i += crowd.each {
		if err := crowd.connected(i); err != nil {
			return fmt.Errorf("%s: %w", crowd.container(i), err)
		}
	}
	for i := 1; i < full; i++ { // end detaches the first
		if _, err := crowd.make("del", i); err != nil {
			return err
		}
	}
	return crowd.end()
}

func (b *bench) besideCrowd(name string, crowd *side) error {
	var sides []*side // libcni is first, since the first container of all makes the bridge
	for i, v := range b.variants([]string{libcni, theFloor}) {
		s, err := b.newSide(v, side{chain: "bridge", number: 60 + i, dir: b.dir, beside: crowd})
		if err != nil {
			return err
		}
		sides = append(sides, s)
	}

	methods := []string{"add", "del"}
	if err := b.takeTurns(sides, b.count(100, 9), methods); err != nil {
		return err
	}
	b.reportTimes(name, sides, methods)
	if err := each(sides, (*side).end); err != nil {
		return err
	}
	return b.namespacesGone()
}
