package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// print writes the tables, in Markdown.
func (r *report) print(w io.Writer) {
	for _, key := range slices.Sorted(maps.Keys(r.Machine)) {
		fmt.Fprintf(w, "%s: %s\n", key, r.Machine[key])
	}
	fmt.Fprint(w,
		"\n| | | | calls | p50, ms | p90 | p99 | least |\n|---|---|---|--:|--:|--:|--:|--:|\n")
	for _, x := range r.Results {
		fmt.Fprintf(w, "| %s | %s | %s | %d | %.2f | %.2f | %.2f | %.2f |\n", x.Case, x.Side, x.Method,
			x.Count, x.P50, x.P90, x.P99, x.Min)
	}
	if len(r.Figures) > 0 {
		fmt.Fprint(w, "\n| | |\n|---|--:|\n")
	}
	for _, f := range r.Figures {
		fmt.Fprintf(w, "| %s | %.5g %s |\n", f.Name, f.Value, f.Unit)
	}
	r.printRatios(w)
	if len(r.Targets) > 0 {
		fmt.Fprint(w, "\n| target | must | goal | measured | |\n|---|--:|--:|--:|---|\n")
	}
	for _, t := range r.Targets {
		fmt.Fprintf(w, "| %s | %g %s | %g %s | %.2f %s | %s |\n", t.Row, t.Must, t.Unit, t.Goal, t.Unit,
			t.Measured, t.Unit, t.Verdict)
	}
	for _, missing := range r.NotMeasured {
		fmt.Fprintf(w, "\nNot measured: %s\n", missing)
	}
}
