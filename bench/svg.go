package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// charted are the cases in the chart, few enough to be readable.
var charted = []string{bridgeCase, fullCase, coldCase}

const (
	chartWidth = 880
	chartTop   = 96  // of the first case, below title, legend and scale
	chartLeft  = 172 // of the bars, after their names
	chartRight = 130 // for the figures
	rowHeight  = 22
	barHeight  = 14
	smallest   = 0.1    // milliseconds, at the left of the scale
	largest    = 1000.0 // at its right
)

// chartStyle has a background for each colour scheme, since a page may be dark in a light browser.
// Text has an outline in the background's colour where it crosses a line of the scale.
const chartStyle = `<style>
.b{fill:#fff}text{font:12px system-ui,sans-serif;fill:#1f2328;paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.t{font-size:15px;font-weight:600}.h{font-weight:600;font-size:13px}.s{fill:#59636e;font-size:11px}
.g{stroke:#d1d9e0}.m{stroke:#eceff2}
.libcni{fill:#0969da;stroke:#0969da}.peer{fill:#818b98;stroke:#818b98}.floor{fill:#dca54c;stroke:#dca54c}
line.libcni,line.peer,line.floor{stroke-width:2}
@media(prefers-color-scheme:dark){
.b{fill:#0d1117}text{fill:#f0f6fc;stroke:#0d1117}.s{fill:#9198a1}.g{stroke:#3d444d}.m{stroke:#1f242c}
.libcni{fill:#4493f8;stroke:#4493f8}.peer{fill:#818b98;stroke:#818b98}.floor{fill:#b07c2a;stroke:#b07c2a}
}
</style>`

// svg draws a bar up to the median of each side, and a line from there to the 99th percentile, on a
// logarithmic scale.
func (r *report) svg() string {
	var body strings.Builder
	y := chartTop
	for _, name := range charted {
		for _, method := range []string{"add", "del"} {
			rows := r.rows(name, method)
			if len(rows) == 0 {
				continue
			}
			y += rowHeight
			fmt.Fprintf(&body, `<text class="h" x="12" y="%d">%s, %s</text>`+"\n", y-7,
				html.EscapeString(name), strings.ToUpper(method))
			for _, x := range rows {
				body.WriteString(bar(x, y))
				y += rowHeight
			}
			y += 10
		}
	}
	return fmt.Sprintf(
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Time of ADD and DEL, p50 and p99">`+
			"\n%s\n"+`<rect class="b" width="100%%" height="100%%"/>`+"\n%s%s%s</svg>\n", chartWidth, y,
		chartStyle, r.heading(), scale(y), body.String())
}

// heading returns the title, the machine, and the meaning of colours and shapes.
func (r *report) heading() string {
	var text strings.Builder
	fmt.Fprintf(&text,
		`<text class="t" x="12" y="24">Time of a call in milliseconds, logarithmic: shorter is better</text>`+"\n")
	fmt.Fprintf(&text, `<text class="s" x="12" y="42">%s</text>`+"\n",
		html.EscapeString(fmt.Sprintf("%s cores, %s, Linux %s; libcni %s, %s; %s",
			r.Machine["cores"], r.Machine["cpu"], r.Machine["kernel"], r.Machine["libcni"],
			r.Machine["peers"], r.Machine["date"])))
	x := 12
	for _, key := range []struct{ class, name string }{
		{"libcni", "libcni"}, {"peer", "others"}, {"floor", "the least the kernel can be asked"},
	} {
		fmt.Fprintf(&text,
			`<rect class="%s" x="%d" y="53" width="14" height="10" rx="2"/><text class="s" x="%d" y="62">%s</text>`+"\n", key.class, x, x+20, key.name)
		x += 40 + 6*len(key.name)
	}
	fmt.Fprintf(&text,
		`<rect class="peer" x="%d" y="53" width="14" height="10" rx="2"/>%s<text class="s" x="%d" y="62">bar: p50, line: p99</text>`+"\n",
		x+20, whisker("peer", float64(x+34), float64(x+54), 58), x+62)
	return text.String()
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
	class := "peer"
	switch {
	case strings.HasPrefix(x.Side, libcni):
		class = "libcni"
	case strings.HasPrefix(x.Side, theFloor):
		class = "floor"
	}
	p50, p99 := across(x.P50), across(x.P99)
	return fmt.Sprintf(
		`<text x="%d" y="%d" text-anchor="end">%s</text><rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`+
			`%s<text class="s" x="%.1f" y="%d">%s, p99 %s</text>`+"\n",
		chartLeft-8, y+11, html.EscapeString(x.Side), class, chartLeft, y, p50-chartLeft, barHeight,
		whisker(class, p50, p99, y+barHeight/2), p99+8, y+11, short(x.P50), short(x.P99))
}

// whisker draws a line with a cap at its end.
func whisker(class string, from, to float64, y int) string {
	return fmt.Sprintf(
		`<line class="%s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><line class="%s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`,
		class, from, y, to, y, class, to, y-4, to, y+4)
}

// scale draws a line for each power of ten, and fainter ones at two and five times that.
func scale(bottom int) string {
	var faint, lines strings.Builder
	for ms := smallest; ms <= largest*1.01; ms *= 10 {
		fmt.Fprintf(&lines,
			`<line class="g" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text class="s" x="%.1f" y="%d" text-anchor="middle">%g ms</text>`+"\n",
			across(ms), chartTop, across(ms), bottom-8, across(ms), chartTop-6, ms)
		for _, times := range []float64{2, 5} {
			if ms*times < largest {
				fmt.Fprintf(&faint, `<line class="m" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n",
					across(ms*times), chartTop, across(ms*times), bottom-8)
			}
		}
	}
	return faint.String() + lines.String()
}
