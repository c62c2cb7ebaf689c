package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"
)

// ratio compares the baseline with this build in one row: a case, a side and a method.
type ratio struct {
	Case   string  `json:"case"`
	Side   string  `json:"side"`
	Method string  `json:"method"`
	Turns  int     `json:"turns"`
	Calls  int     `json:"calls"` // of each build
	Old    float64 `json:"oldP50ms"`
	New    float64 `json:"newP50ms"`
	Ratio  float64 `json:"oldOverNew"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

const (
	resamples  = 2000
	confidence = 95 // percent
)

// compare adds the row of one method. Each element of old and of new holds the times of one turn,
// and the turns with the same index followed each other.
func (r *report) compare(name, side, method string, old, new [][]time.Duration) {
	turns := min(len(old), len(new))
	if turns == 0 {
		return
	}
	before, after := slices.Concat(old[:turns]...), slices.Concat(new[:turns]...)
	low, high := interval(old, new)
	r.Ratios = append(r.Ratios, ratio{
		Case: name, Side: side, Method: method, Turns: turns, Calls: len(after),
		Old: milliseconds(median(before)), New: milliseconds(median(after)),
		Ratio: float64(median(before)) / float64(median(after)), Low: low, High: high,
	})
}

// interval returns the confidence interval of the ratio of the medians of two sides, whose turns
// with the same index belong to the same round. There must be a turn of each.
//
// The interval is a percentile bootstrap over rounds: a resample draws as many rounds as were made,
// with replacement, takes both sides' times of each, and divides the medians. Drawing whole rounds
// keeps the drift of the machine, which both sides meet in the same round, out of the ratio. The
// random generator has a fixed seed, so that the same times always give the same interval.
func interval(over, under [][]time.Duration) (low, high float64) {
	turns := min(len(over), len(under))
	random := rand.New(rand.NewPCG(1, 2))
	drawn, ratios := make([]int, turns), make([]float64, resamples)
	for i := range ratios {
		for j := range drawn {
			drawn[j] = random.IntN(turns)
		}
		ratios[i] = float64(median(pick(over, drawn))) / float64(median(pick(under, drawn)))
	}
	slices.Sort(ratios)
	at := func(percent float64) float64 { return ratios[int(float64(resamples-1)*percent/100)] }
	return at((100 - confidence) / 2.0), at((100 + confidence) / 2.0)
}

// pick returns the times of some turns.
func pick(turns [][]time.Duration, which []int) (times []time.Duration) {
	for _, i := range which {
		times = append(times, turns[i]...)
	}
	return times
}

// verdict says whether the interval excludes equality.
func (x ratio) verdict() string {
	switch {
	case x.Low > 1:
		return "faster"
	case x.High < 1:
		return "slower"
	}
	return "no difference shown"
}

// printRatios writes the comparison with the baseline, if there was one.
func (r *report) printRatios(w io.Writer) {
	if len(r.Ratios) == 0 {
		return
	}
	fmt.Fprintf(w,
		"\n| | | | turns | calls | old p50, ms | new p50, ms | old / new | %d %% interval | |\n",
		confidence)
	fmt.Fprintln(w, "|---|---|---|--:|--:|--:|--:|--:|--:|---|")
	for _, x := range r.Ratios {
		fmt.Fprintf(w, "| %s | %s | %s | %d | %d | %.3f | %.3f | %.3f | %.3f – %.3f | %s |\n",
			x.Case, x.Side, x.Method, x.Turns, x.Calls, x.Old, x.New, x.Ratio, x.Low, x.High, x.verdict())
	}
}
