package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// edit is a part of a document that shows figures. The pattern matches that part and no other.
type edit struct {
	file    string
	pattern *regexp.Regexp
	text    string
}

// document writes the figures of a full run into the documents below root, and the chart.
func document(results, root string) error {
	r, err := readReport(results)
	if err != nil {
		return err
	}
	if err := r.complete(); err != nil {
		return fmt.Errorf("%s: %w; run \"make bench\"", results, err)
	}
	for _, e := range r.edits() {
		path := filepath.Join(root, e.file)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text, err := e.apply(string(content))
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(root, "docs/performance.svg"), []byte(r.svg()), 0o644)
}

func readReport(path string) (*report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// complete reports whether the run was a full one of every case beside the peers. A peer may be
// missing, which the documents then say.
func (r *report) complete() error {
	switch {
	case r.Failure != "":
		return fmt.Errorf("the run failed: %s", r.Failure)
	case r.Quick:
		return fmt.Errorf("it was a quick run")
	case len(r.Ratios) > 0:
		return fmt.Errorf("it compared two builds")
	}
	ran := map[string]bool{}
	for _, c := range r.Cases {
		ran[c.Case] = true
	}
	for _, c := range cases() {
		if !ran[c.name] {
			return fmt.Errorf("case %q was not run", c.name)
		}
	}
	return nil
}

func (r *report) edits() []edit {
	minutes := r.minutes()
	return []edit{
		section("docs/performance.md", "targets", r.targetsText()),
		section("docs/performance.md", "the last full run", r.runText()),
		{
			"README.md", regexp.MustCompile(`\| [^|\n]* \(\[figures\]\(docs/performance\.md\)\) \|`),
			fmt.Sprintf("| %s ([figures](docs/performance.md)) |", r.summary()),
		},
		{
			"README.md", regexp.MustCompile("It takes [0-9a-z ]+ minutes; `QUICK=1`"),
			fmt.Sprintf("It takes %d minutes; `QUICK=1`", minutes),
		},
		{
			"docs/contributing/long-tests.md",
			regexp.MustCompile("(?m)^(\\| `make bench` \\|.*\\|) [0-9a-z ]+ minutes \\|$"),
			fmt.Sprintf("$1 %d minutes |", minutes),
		},
	}
}

// section replaces what is between two comments.
func section(file, name, text string) edit {
	begin, end := "<!-- generated: "+name+" -->", "<!-- end -->"
	return edit{
		file, regexp.MustCompile("(?s)" + regexp.QuoteMeta(begin) + "\n.*?" + regexp.QuoteMeta(end)),
		strings.ReplaceAll(begin+"\n"+text+end, "$", "$$"),
	}
}

func (e edit) apply(content string) (string, error) {
	if n := len(e.pattern.FindAllStringIndex(content, -1)); n != 1 {
		return "", fmt.Errorf("%s: %q matches %d times; it must match once", e.file, e.pattern, n)
	}
	return e.pattern.ReplaceAllString(content, e.text), nil
}

// targetsText is the table with every target, measured or not. The limits are today's.
func (r *report) targetsText() string {
	measured := map[string]target{}
	for _, t := range r.Targets {
		measured[t.Row] = t
	}
	rows := r.allTargets()
	for i, t := range rows {
		if m, found := measured[t.Row]; found {
			t.Measured, t.Low, t.High = m.Measured, m.Low, m.High
			t.Verdict = t.verdict()
			rows[i] = t
		}
	}
	var text strings.Builder
	printTargets(&text, rows)
	return text.String()
}

func (r *report) runText() string {
	var text strings.Builder
	r.printMachine(&text)
	fmt.Fprintf(&text, "- took: %d minutes\n\n", r.minutes())
	r.printResults(&text)
	r.printFigures(&text)
	r.printMissing(&text)
	return text.String()
}

func (r *report) minutes() int {
	seconds := 0.0
	for _, c := range r.Cases {
		seconds += c.Seconds
	}
	return int(math.Ceil(seconds / 60))
}

// summary is what README says about the time of ADD and DEL.
func (r *report) summary() string {
	times := func(name, method string) int {
		return int(over(r.p50(name, reference, method), r.p50(name, libcni, method)))
	}
	return fmt.Sprintf("%d and %d times faster, with the full chain %d and %d times",
		times(bridgeCase, "add"), times(bridgeCase, "del"), times(fullCase, "add"),
		times(fullCase, "del"))
}
