package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// print writes everything, in Markdown.
func (r *report) print(w io.Writer) {
	r.printMachine(w)
	fmt.Fprintln(w)
	r.printResults(w)
	r.printFigures(w)
	r.printRatios(w)
	if len(r.Targets) > 0 {
		fmt.Fprintln(w)
		printTargets(w, r.Targets)
	}
	r.printMissing(w)
}

func (r *report) printMachine(w io.Writer) {
	for _, key := range slices.Sorted(maps.Keys(r.Machine)) {
		fmt.Fprintf(w, "- %s: %s\n", key, r.Machine[key])
	}
}

func (r *report) printResults(w io.Writer) {
	fmt.Fprint(w,
		"| | | | calls | p50, ms | p90 | p99 | least |\n|---|---|---|--:|--:|--:|--:|--:|\n")
	for _, x := range r.Results {
		fmt.Fprintf(w, "| %s | %s | %s | %d | %s | %s | %s | %s |\n", x.Case, x.Side, x.Method,
			x.Count, short(x.P50), short(x.P90), short(x.P99), short(x.Min))
	}
}

func (r *report) printFigures(w io.Writer) {
	if len(r.Figures) > 0 {
		fmt.Fprint(w, "\n| | |\n|---|--:|\n")
	}
	for _, f := range r.Figures {
		fmt.Fprintf(w, "| %s | %.5g %s |\n", f.Name, f.Value, f.Unit)
	}
}

func printTargets(w io.Writer, targets []target) {
	fmt.Fprintf(w, "| target | must | goal | measured | %d %% interval | |\n", confidence)
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|---|")
	for _, t := range targets {
		fmt.Fprintf(w, "| %s | %g %s | %g %s | %s | %s | %s |\n", t.Row, t.Must, t.Unit, t.Goal, t.Unit,
			t.measured(), t.interval(), t.Verdict)
	}
}

func (t target) measured() string {
	if t.Verdict == "" {
		return "not measured"
	}
	return fmt.Sprintf("%.2f %s", t.Measured, t.Unit)
}

func (t target) interval() string {
	if t.Low == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f – %.2f", t.Low, t.High)
}

func (r *report) printMissing(w io.Writer) {
	for _, missing := range r.NotMeasured {
		fmt.Fprintf(w, "\nNot measured: %s\n", missing)
	}
}

// short writes milliseconds with three digits or two decimals.
func short(ms float64) string {
	switch {
	case ms < 1:
		return fmt.Sprintf("%.3f", ms)
	case ms < 10:
		return fmt.Sprintf("%.2f", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}
