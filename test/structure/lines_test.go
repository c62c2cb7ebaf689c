package structure

import (
	"go/scanner"
	"go/token"
	"strings"
	"testing"
	"unicode/utf8"
)

// columns is the longest line; a tab counts as one column.
const columns = 100

func TestLinesAreShort(t *testing.T) {
	for _, f := range sourceFiles(t) {
		switch f.kind() {
		case "go", "c", "py", "md":
		default:
			continue
		}
		fixed := fixedLines(f)
		for i, line := range strings.Split(f.text, "\n") {
			if utf8.RuneCountInString(line) > columns && !fixed[i+1] && breakable(line) {
				t.Errorf("%s:%d has more than %d columns", f.path, i+1, columns)
			}
		}
	}
}

// breakable reports whether a line has a blank to break it at: a long address has none.
func breakable(line string) bool {
	line = strings.TrimLeft(line, " \t/*#>-")
	at := strings.IndexByte(line, ' ')
	return at >= 0 && at < columns
}

// fixedLines returns the numbers of lines that cannot be broken without changing what they mean: of
// Markdown the tables and blocks of code, of Go the raw strings over several lines or across the
// last column.
func fixedLines(f sourceFile) map[int]bool {
	switch f.kind() {
	case "md":
		return fixedMarkdown(f.text)
	case "go":
		return rawStrings(f.text)
	}
	return nil
}

func fixedMarkdown(text string) map[int]bool {
	fixed, inBlock := map[int]bool{}, false
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "```") {
			inBlock = !inBlock
		}
		fixed[i+1] = inBlock || strings.HasPrefix(trimmed, "|")
	}
	return fixed
}

func rawStrings(text string) map[int]bool {
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, 0)
	fixed := map[int]bool{}
	for {
		position, kind, literal := s.Scan()
		if kind == token.EOF {
			return fixed
		}
		if kind != token.STRING || literal[0] != '`' {
			continue
		}
		begin, end := files.Position(position), files.Position(position+token.Pos(len(literal)))
		if begin.Line == end.Line && (begin.Column > columns || end.Column <= columns) {
			continue
		}
		for line := begin.Line; line <= end.Line; line++ {
			fixed[line] = true
		}
	}
}

func TestBreakableLines(t *testing.T) {
	long := strings.Repeat("x", columns)
	for _, c := range []struct {
		name, path, line string
		want             bool
	}{
		{"a long word", "a.go", "// " + long + "y", false},
		{"a sentence", "a.go", "// It is " + long, true},
		{"a row of a table", "a.md", "| a | " + long + " |", false},
		{"prose", "a.md", "It is " + long, true},
		{"code in prose", "a.md", "```\nit is " + long + "\n```", false},
		{"a raw string", "a.go", "package p\nvar x = `\nit is " + long + "\n`", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := sourceFile{path: c.path, text: c.line}
			fixed, got := fixedLines(f), false
			for i, line := range strings.Split(f.text, "\n") {
				got = got || len(line) > columns && !fixed[i+1] && breakable(line)
			}
			if got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
