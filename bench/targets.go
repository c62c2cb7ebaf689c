package main

import (
	"fmt"
	"math"
)

// target is a row of the table of targets.
type target struct {
	Row      string  `json:"row"`
	Must     float64 `json:"must"`
	Goal     float64 `json:"goal"`
	Measured float64 `json:"measured"`
	Unit     string  `json:"unit"`
	Larger   bool    `json:"largerIsBetter"`
	Verdict  string  `json:"verdict"`
}

// evaluate adds the rows for which this run has the figures.
func (r *report) evaluate() {
	for _, t := range r.allTargets() {
		if math.IsNaN(t.Measured) || t.Measured == 0 {
			continue
		}
		t.Verdict = t.verdict()
		r.Targets = append(r.Targets, t)
	}
}

// allTargets returns every row. Measured is 0 or not a number where a figure is missing.
func (r *report) allTargets() []target {
	over := func(a, b float64) float64 {
		if a == 0 || b == 0 {
			return math.NaN()
		}
		return a / b
	}
	minus := func(a, b float64) float64 {
		if a == 0 || b == 0 {
			return math.NaN()
		}
		return a - b
	}
	add := func(c, side string) float64 { return r.p50(c, side, "add") }
	del := func(c, side string) float64 { return r.p50(c, side, "del") }
	attached, calls := int(r.value(attachedFigure)), int(r.value(callsFigure)) // fewer in a quick run
	growth := func(side string) float64 {
		return over(add(fmt.Sprintf("%d attached", attached), side), add("0 attached", side))
	}
	rate := func(side string) float64 { return r.value(rateFigure(side, workers{1, 8})) }
	held := func(after string) float64 {
		return r.value("descriptors after "+after) + r.value("threads after "+after) +
			r.value("goroutines after "+after)
	}
	return append([]target{
		{
			Row: "bridge + host-local, ADD, over the floor", Must: 0.9, Goal: 0.4, Unit: "ms",
			Measured: minus(add(bridgeCase, libcni), add(bridgeCase, theFloor)),
		},
		{
			Row: "bridge + host-local, ADD, times faster than Go's libcni", Must: 7, Goal: 12, Larger: true,
			Measured: over(add(bridgeCase, reference), add(bridgeCase, libcni)),
		},
		{
			Row: "the same, state on disk", Must: 7, Goal: 12, Larger: true,
			Measured: over(add(bridgeCase+onDisk, reference), add(bridgeCase+onDisk, libcni)),
		},
		{
			Row: "bridge + host-local, DEL, times faster than Go's libcni", Must: 12, Goal: 25, Larger: true,
			Measured: over(del(bridgeCase, reference), del(bridgeCase, libcni)),
		},
		{
			Row: "full chain, ADD, times faster than Go's libcni, nftables", Must: 45, Goal: 80,
			Larger: true, Measured: over(add(fullCase, reference), add(fullCase, libcni)),
		},
		{
			Row: "full chain, ADD, times faster than Go's libcni, iptables", Must: 30, Goal: 50,
			Larger: true, Measured: over(add(fullCase, iptables), add(fullCase, libcni)),
		},
		{
			Row: "full chain, ADD, times faster than netavark", Must: 20, Goal: 35, Larger: true,
			Measured: over(add(fullCase, netavark), add(fullCase, libcni)),
		},
		{
			Row: "full chain, DEL, times faster than Go's libcni, nftables", Must: 80, Goal: 130,
			Larger: true, Measured: over(del(fullCase, reference), del(fullCase, libcni)),
		},
		{
			Row: "full chain, DEL, times faster than netavark", Must: 40, Goal: 60, Larger: true,
			Measured: over(del(fullCase, netavark), del(fullCase, libcni)),
		},
		{
			Row: "cold, times faster than cnitool", Must: 15, Goal: 25, Larger: true,
			Measured: over(add(coldCase, cnitool), add(coldCase, cold)),
		},
		{
			Row: "isolated mode adds", Must: 3.5, Goal: 3, Unit: "ms",
			Measured: minus(add(coldCase, isolated), add(coldCase, libcni)),
		},
		{
			Row: fmt.Sprintf("ADD beside %d attached, growth over the floor's", attached), Must: 1.3,
			Goal: 1.1, Measured: over(growth(libcni), growth(theFloor)),
		},
		{
			Row: "8 threads, rate over the floor's", Must: 0.8, Goal: 0.95, Larger: true,
			Measured: over(rate(libcni), rate(theFloor)),
		},
		{
			Row: "CHECK over ADD, full chain", Must: 1, Goal: 0.5,
			Measured: over(r.p50(fullCase, libcni, "check"), add(fullCase, libcni)),
		},
		{Row: "size of libcni.so", Must: 14, Goal: 11, Unit: "MB", Measured: r.value(sizeFigure)},
		{
			Row: fmt.Sprintf("RSS of the host after %d ADD and DEL", calls), Must: 25, Goal: 16, Unit: "MB",
			Measured: r.value("RSS after " + all),
		},
		{
			Row: "descriptors, threads, goroutines then, over those after a tenth", Must: 1.1, Goal: 1,
			Measured: over(held(all), held(aTenth)),
		},
	}, r.connectTargets()...)
}

// connectTargets are the rows of connections through a published port, beside the numbers of
// containers of a full run.
func (r *report) connectTargets() []target {
	var rows []target
	for _, row := range []struct {
		containers int
		must, goal float64
	}{{1, 1, 1}, {100, 1.4, 1.5}, {500, 2.2, 2.5}} {
		theirs := r.value(connectFigure(reference, row.containers))
		measured := math.NaN()
		if theirs != 0 {
			measured = r.value(connectFigure(libcni, row.containers)) / theirs
		}
		rows = append(rows, target{
			Row: fmt.Sprintf("connections a second through a published port, %d containers, over "+
				"Go's libcni, nftables", row.containers),
			Must: row.must, Goal: row.goal, Larger: true, Measured: measured,
		})
	}
	return rows
}

func (t target) verdict() string {
	reached := func(limit float64) bool { return t.Larger == (t.Measured > limit) }
	switch {
	case reached(t.Goal):
		return "goal"
	case reached(t.Must):
		return "must"
	default:
		return "missed"
	}
}
