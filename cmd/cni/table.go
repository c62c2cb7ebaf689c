package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/spf13/cobra"
)

// table is what a verb lists. The columns are the headings; in templates the word CONTAINER is the
// field Container.
type table struct {
	columns []string
	id      string // the column that --quiet prints
	long    string // the column whose ids are cut, or ""
}

// tableFlags say how a table is printed.
type tableFlags struct {
	table
	quiet, noHeaders, noTrunc bool
	format                    string
	template                  *template.Template
}

func (f *tableFlags) register(cmd *cobra.Command, t table) {
	f.table = t
	flags := cmd.Flags()
	flags.BoolVarP(&f.quiet, "quiet", "q", false,
		"print only the column "+t.id+", each value once")
	flags.BoolVar(&f.noHeaders, "no-headers", false, "print no headings")
	flags.StringVar(&f.format, "format", "",
		"print each line with a Go `template`; its fields are "+strings.Join(t.fields(), ", ")+
			"; \"table\" before it adds headings; \"json\" prints each line as a JSON object, which "+
			"--json does for the whole answer")
	if t.long != "" {
		flags.BoolVar(&f.noTrunc, "no-trunc", false, "print ids in full")
	}
	cmd.MarkFlagsMutuallyExclusive("quiet", "format")

	// A wrong template is found before anything is done.
	run := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if run != nil {
			if err := run(cmd, args); err != nil {
				return err
			}
		}
		return f.parse()
	}
}

// fields are the names of the columns in templates.
func (t table) fields() []string {
	names := make([]string, len(t.columns))
	for i, column := range t.columns {
		names[i] = column[:1] + strings.ToLower(column[1:])
	}
	return names
}

func (t table) index(column string) int { return slices.Index(t.columns, column) }

// functions are those of docker's templates.
var functions = template.FuncMap{
	"join": strings.Join, "lower": strings.ToLower, "upper": strings.ToUpper, "split": strings.Split,
	"json": func(value any) (string, error) {
		text, err := json.Marshal(value)
		return string(text), err
	},
}

// parse reads --format, and tries it with empty fields.
func (f *tableFlags) parse() error {
	text, _ := strings.CutPrefix(f.format, "table ")
	switch f.format { // words of docker
	case "", "table", "table ":
		return nil
	case "json":
		text = "{{json .}}"
	}
	text = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(text)
	t, err := template.New("format").Option("missingkey=error").Funcs(functions).Parse(text)
	if err == nil {
		err = t.Execute(io.Discard, f.row(make([]string, len(f.columns))))
	}
	if err != nil {
		var wrong template.ExecError
		if errors.As(err, &wrong) {
			err = wrong.Err
		}
		return usage("--format: %v; the fields are %s", err, strings.Join(f.fields(), ", "))
	}
	f.template = t
	return nil
}

// row is what a template prints.
func (f *tableFlags) row(cells []string) map[string]string {
	row := map[string]string{}
	for i, name := range f.fields() {
		row[name] = cells[i]
	}
	return row
}

// print prints rows as the flags say.
func (f *tableFlags) print(a *app, rows [][]string) error {
	switch {
	case f.quiet:
		return f.printIDs(a, rows)
	case f.template != nil:
		return f.printFormatted(a, rows)
	}

	if at := f.index(f.long); at >= 0 && !f.noTrunc {
		for _, row := range rows {
			row[at] = shortID(row[at])
		}
	}
	heading := f.columns
	if f.noHeaders {
		heading = nil
	}
	return a.printTable(heading, rows)
}

func (f *tableFlags) printIDs(a *app, rows [][]string) error {
	seen := map[string]bool{}
	for _, row := range rows {
		id := row[f.index(f.id)]
		if seen[id] {
			continue
		}
		seen[id] = true
		if err := a.printf("%s\n", cell(id)); err != nil {
			return err
		}
	}
	return nil
}

func (f *tableFlags) printFormatted(a *app, rows [][]string) error {
	var out io.Writer = a.out
	if strings.HasPrefix(f.format, "table ") {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		defer w.Flush()
		out = w
		if !f.noHeaders {
			rows = append([][]string{f.columns}, rows...)
		}
	}

	for _, row := range rows {
		cells := make([]string, len(row))
		for i, text := range row {
			cells[i] = oneLine(text)
		}
		if err := f.template.Execute(out, f.row(cells)); err != nil {
			return fmt.Errorf("--format: %w", err)
		}
		if _, err := io.WriteString(out, "\n"); err != nil {
			return err
		}
	}
	return nil
}

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
