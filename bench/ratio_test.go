package main

import (
	"math"
	"testing"
	"time"
)

// drifting returns turns of calls on a machine that gets slower and faster by half from turn to
// turn.
func drifting(turns, calls int, base time.Duration) (times [][]time.Duration) {
	for turn := range turns {
		slow := 1 + 0.5*math.Sin(float64(turn))
		var block []time.Duration
		for call := range calls {
			noise := 1 + 0.02*math.Sin(float64(7*call+turn))
			block = append(block, time.Duration(float64(base)*slow*noise))
		}
		times = append(times, block)
	}
	return times
}

func TestIntervalOfTheRatio(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new time.Duration
		verdict  string
	}{
		{"the new build takes four fifths", 10 * time.Millisecond, 8 * time.Millisecond, "faster"},
		{"the new build takes a quarter longer", 8 * time.Millisecond, 10 * time.Millisecond, "slower"},
		{"the builds are the same", 10 * time.Millisecond, 10 * time.Millisecond, "no difference shown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &report{}
			r.compare("case", "side", "add", drifting(20, 10, c.old), drifting(20, 10, c.new))

			x := r.Ratios[0]
			want := float64(c.old) / float64(c.new)
			if x.Low > want || want > x.High {
				t.Errorf("interval %.3f – %.3f does not hold %.3f", x.Low, x.High, want)
			}
			if x.Turns != 20 || x.Calls != 200 {
				t.Errorf("%d turns, %d calls; want 20 and 200", x.Turns, x.Calls)
			}
			if got := x.verdict(); got != c.verdict {
				t.Errorf("%+v: %q, want %q", x, got, c.verdict)
			}
		})
	}
}

func TestTwinsSwapPlacesFromRunToRun(t *testing.T) {
	b := &bench{baseline: "baseline"}
	var sides []*side
	for _, v := range twins([]string{libcni, cold}) {
		sides = append(sides, &side{name: v.name, baseline: v.baseline})
	}
	want := [][]int{{0, 1, 2, 3}, {1, 0, 3, 2}, {2, 3, 0, 1}, {3, 2, 1, 0}}
	for run, places := range want {
		for i, s := range b.order(sides, run) {
			if s != sides[places[i]] {
				t.Errorf("run %d: place %d is %s; want %s", run, i, s.label(), sides[places[i]].label())
			}
		}
	}
}

func TestTwinsFollowTheirSide(t *testing.T) {
	got := twins([]string{theFloor, libcni, reference, isolated, cnitool})
	want := []variant{{libcni, false}, {libcni, true}, {isolated, false}, {isolated, true}}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}
