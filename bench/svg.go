package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// charted are the cases that the chart shows: few enough to be read.
var charted = []string{bridgeCase, fullCase, coldCase}

const (
	chartWidth = 860
	chartLeft  = 250 // of the bars, after their names
	chartRight = 90  // for the figures
	rowHeight  = 20
	smallest   = 0.1    // milliseconds, at the left of the scale
	largest    = 1000.0 // at its right
)

const chartStyle = `<style>
text{font:12px system-ui,sans-serif;fill:#1f2328}.h{font-weight:600;font-size:13px}.s{fill:#59636e;font-size:11px}
.g{stroke:#d1d9e0}.a{fill:#8c959f}.o{fill:#0969da}.t{opacity:.35}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.s{fill:#9198a1}.g{stroke:#3d444d}.a{fill:#848d97}.o{fill:#58a6ff}}
</style>`

// svg draws a bar to the p50 of each side, and a paler one on to the p99, on a logarithmic scale.
func (r *report) svg() string {
	var body strings.Builder
	y := 46
	for _, name := range charted {
		for _, method := range []string{"add", "del"} {
			rows := r.rows(name, method)
			if len(rows) == 0 {
				continue
			}
			fmt.Fprintf(&body, `<text class="h" x="10" y="%d">%s, %s</text>`+"\n", y+14, html.EscapeString(name), strings.ToUpper(method))
			y += rowHeight + 4
			for _, x := range rows {
				body.WriteString(bar(x, y))
				y += rowHeight
			}
			y += 14
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Time of ADD and DEL">`+"\n%s\n%s%s</svg>\n",
		chartWidth, y, chartStyle, scale(y), body.String())
}

func (r *report) rows(name, method string) (rows []result) {
	for _, x := range r.Results {
		if x.Case == name && x.Method == method {
			rows = append(rows, x)
		}
	}
	slices.SortStableFunc(rows, func(a, b result) int { return int(1e3 * (a.P50 - b.P50)) })
	return rows
}

func across(ms float64) float64 {
	part := math.Log(max(ms, smallest)/smallest) / math.Log(largest/smallest)
	return chartLeft + min(part, 1)*(chartWidth-chartLeft-chartRight)
}

func bar(x result, y int) string {
	class := "a"
	if strings.HasPrefix(x.Side, libcni) {
		class = "o"
	}
	p50, p99 := across(x.P50), across(x.P99)
	return fmt.Sprintf(`<text x="%d" y="%d" text-anchor="end">%s</text><rect class="%s" x="%d" y="%d" width="%.1f" height="14" rx="2"/>`+
		`<rect class="%s t" x="%.1f" y="%d" width="%.1f" height="14" rx="2"/><text class="s" x="%.1f" y="%d">%s</text>`+"\n",
		chartLeft-8, y+12, html.EscapeString(x.Side), class, chartLeft, y, p50-chartLeft, class, p50, y, max(p99-p50, 1), p99+6, y+11, short(x.P50))
}

func short(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// scale draws a line for each power of ten.
func scale(bottom int) string {
	var lines strings.Builder
	for ms := smallest; ms <= largest*1.01; ms *= 10 {
		fmt.Fprintf(&lines, `<line class="g" x1="%.1f" y1="30" x2="%.1f" y2="%d"/><text class="s" x="%.1f" y="22" text-anchor="middle">%g ms</text>`+"\n",
			across(ms), across(ms), bottom-8, across(ms), ms)
	}
	return lines.String()
}
