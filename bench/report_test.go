package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// sample is a report of the cases that the chart shows.
func sample() *report {
	r := &report{Machine: map[string]string{"cpu": `<&">`}}
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i)*time.Millisecond)
	}
	for _, name := range charted {
		for _, side := range []string{theFloor, libcni, cnitool} {
			r.add(name, side, "add", times)
		}
	}
	return r
}

func TestShareOfTimes(t *testing.T) {
	got := sample().Results[0]
	if want := (result{bridgeCase, theFloor, "add", 100, 50, 90, 99, 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestChartIsXMLWithARowForEachSide(t *testing.T) {
	svg := sample().svg()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
	if got, want := strings.Count(svg, "50.0, p99 99.0"), 3*len(charted); got != want {
		t.Errorf("%d rows, want %d\n%s", got, want, svg)
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		larger   bool
		measured float64
		want     string
	}{
		{false, 0.3, "goal"}, {false, 0.9, "must"}, {false, 1.1, "missed"},
		{true, 1.1, "goal"}, {true, 0.9, "must"}, {true, 0.3, "missed"},
	} {
		limits := target{Must: 1, Goal: 0.5, Larger: c.larger, Measured: c.measured}
		if c.larger {
			limits.Must, limits.Goal = limits.Goal, limits.Must
		}
		if got := limits.verdict(); got != c.want {
			t.Errorf("%+v: %s, want %s", limits, got, c.want)
		}
	}
}

func TestDocumentHasTheTargets(t *testing.T) {
	document, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	r := &report{}
	r.figure(attachedFigure, "", 1000)
	r.figure(callsFigure, "", 10000)
	for _, target := range r.allTargets() {
		row := fmt.Sprintf("\n| %s | %g %s | %g %s | ", target.Row, target.Must, target.Unit, target.Goal,
			target.Unit)
		if !strings.Contains(string(document), row) {
			t.Errorf("docs/performance.md has no row%s", row)
		}
	}
}

// The first list has a dead goroutine and one of a thread that is gone; the second is cut short.
func TestLivingGoroutinesAreCounted(t *testing.T) {
	const lists = `SCHED 100ms: gomaxprocs=2
  M0: p=nil curg=nil
  G1: status=6() m=nil lockedm=nil
  G2: status=4(force gc (idle)) m=nil lockedm=nil
  G17: status=3() m=1 lockedm=1
  G34: status=11() m=6 lockedm=6
SCHED 200ms: gomaxprocs=2
  G2: status=4(force gc (idle)) m=nil lockedm=nil
`
	counts := make(chan int, 2)
	countGoroutines(strings.NewReader(lists), counts)
	if before, first := <-counts, <-counts; before != 0 || first != 2 {
		t.Errorf("%d before the first list, %d in it; want 0 and 2", before, first)
	}
}
