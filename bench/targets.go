package main

import (
	"fmt"
	"math"
)

// target is a row of the table of targets. A ratio of two sides that took turns has an interval.
type target struct {
	Row      string  `json:"row"`
	Must     float64 `json:"must"`
	Goal     float64 `json:"goal"`
	Measured float64 `json:"measured"`
	Low      float64 `json:"low,omitempty"`
	High     float64 `json:"high,omitempty"`
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

// faster completes a target with how many times faster libcni was than a peer.
func (r *report) faster(t target, name, peer, ours, method string) target {
	t.Larger, t.Measured = true, over(r.p50(name, peer, method), r.p50(name, ours, method))
	theirs, own := r.turns[row{name, peer, method}], r.turns[row{name, ours, method}]
	if len(theirs) > 0 && len(own) > 0 {
		t.Low, t.High = interval(theirs, own)
	}
	return t
}

// allTargets returns every row. Measured is 0 or not a number where a figure is missing.
func (r *report) allTargets() []target {
	rows := append(r.bridgeTargets(), r.fullTargets()...)
	rows = append(rows, r.crowdTargets()...)
	rows = append(rows, r.connectTargets()...)
	return append(rows, r.sizeTargets()...)
}

func (r *report) bridgeTargets() []target {
	return []target{
		{
			Row: "bridge + host-local, ADD, over the floor", Must: 0.9, Goal: 0.4, Unit: "ms",
			Measured: minus(r.p50(bridgeCase, libcni, "add"), r.p50(bridgeCase, theFloor, "add")),
		},
		r.faster(
			target{Row: "bridge + host-local, ADD, times faster than Go's libcni", Must: 7, Goal: 12},
			bridgeCase, reference, libcni, "add"),
		r.faster(target{Row: "the same, state on disk", Must: 7, Goal: 12},
			bridgeCase+onDisk, reference, libcni, "add"),
		r.faster(
			target{Row: "bridge + host-local, DEL, times faster than Go's libcni", Must: 12, Goal: 25},
			bridgeCase, reference, libcni, "del"),
	}
}

func (r *report) fullTargets() []target {
	full := func(row string, must, goal float64, peer, method string) target {
		return r.faster(target{Row: row, Must: must, Goal: goal}, fullCase, peer, libcni, method)
	}
	return []target{
		full("full chain, ADD, times faster than Go's libcni, nftables", 45, 80, reference, "add"),
		full("full chain, ADD, times faster than Go's libcni, iptables", 30, 50, iptables, "add"),
		full("full chain, ADD, times faster than "+netavark, 22, 35, netavark, "add"),
		full("full chain, DEL, times faster than Go's libcni, nftables", 80, 130, reference, "del"),
		full("full chain, DEL, times faster than "+netavark, 25, 45, netavark, "del"),
		r.faster(target{Row: "cold, times faster than cnitool", Must: 15, Goal: 25},
			coldCase, cnitool, cold, "add"),
		{
			Row: "isolated mode adds", Must: 3.5, Goal: 3, Unit: "ms",
			Measured: minus(r.p50(coldCase, isolated, "add"), r.p50(coldCase, libcni, "add")),
		},
		{
			Row: "CHECK over ADD, full chain", Must: 1, Goal: 0.5,
			Measured: over(r.p50(fullCase, libcni, "check"), r.p50(fullCase, libcni, "add")),
		},
	}
}

// crowdTargets are the rows of many containers; a quick run has fewer.
func (r *report) crowdTargets() []target {
	attached := int(r.value(attachedFigure))
	growth := func(side string) float64 {
		return over(r.p50(fmt.Sprintf("%d attached", attached), side, "add"),
			r.p50("0 attached", side, "add"))
	}
	rate := func(side string) float64 { return r.value(rateFigure(side, workers{1, 8})) }
	return []target{
		{
			Row: fmt.Sprintf("ADD beside %d attached, growth over the floor's", attached), Must: 1.3,
			Goal: 1.1, Measured: over(growth(libcni), growth(theFloor)),
		},
		{
			Row: "8 threads, rate over the floor's", Must: 0.8, Goal: 0.95, Larger: true,
			Measured: over(rate(libcni), rate(theFloor)),
		},
	}
}

// connectTargets are the rows of connections through a published port, beside the numbers of
// containers of a full run.
func (r *report) connectTargets() []target {
	var rows []target
	for _, limits := range []struct {
		containers int
		must, goal float64
	}{{1, 1, 1}, {100, 1.4, 1.5}, {500, 2.2, 2.5}} {
		t := target{
			Row: "connections a second through a published port, " + some(limits.containers) +
				", over Go's libcni, nftables",
			Must: limits.must, Goal: limits.goal,
		}
		rows = append(rows,
			r.faster(t, publishedCase, reference, libcni, connectMethod(limits.containers)))
	}
	return rows
}

func (r *report) sizeTargets() []target {
	calls := int(r.value(callsFigure)) // fewer in a quick run
	held := func(after string) float64 {
		return r.value("descriptors after "+after) + r.value("threads after "+after) +
			r.value("goroutines after "+after)
	}
	return []target{
		{Row: "size of libcni.so", Must: 14, Goal: 11, Unit: "MB", Measured: r.value(sizeFigure)},
		{
			Row: fmt.Sprintf("RSS of the host after %d ADD and DEL", calls), Must: 25, Goal: 16, Unit: "MB",
			Measured: r.value("RSS after " + all),
		},
		{
			Row: "descriptors, threads, goroutines then, over those after a tenth", Must: 1.1, Goal: 1,
			Measured: over(held(all), held(aTenth)),
		},
	}
}

func over(a, b float64) float64 {
	if a == 0 || b == 0 {
		return math.NaN()
	}
	return a / b
}

func minus(a, b float64) float64 {
	if a == 0 || b == 0 {
		return math.NaN()
	}
	return a - b
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
