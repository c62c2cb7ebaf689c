package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// printTable prints rows in columns, under a heading unless that is nil.
func (a *app) printTable(heading []string, rows [][]string) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	if heading != nil {
		fmt.Fprintln(w, strings.Join(heading, "\t"))
	}

	for _, row := range rows {
		cells := make([]string, len(row))
		for i, text := range row {
			cells[i] = cell(text)
		}

		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}
