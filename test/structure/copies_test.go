package structure

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// copiedLines is how many lines in a row two plugins may not share.
const copiedLines = 6

// TestPluginsShareNoCode compares all built-in plugins and parts of the kit in pairs. What two of
// them need belongs to the kit. Lines are compared by their tokens; comments, imports, blank lines
// and names do not count: a copy is a copy after its identifiers were renamed.
func TestPluginsShareNoCode(t *testing.T) {
	type plugin struct {
		name  string
		files []codeFile
	}
	var plugins []plugin
	for _, p := range packages(t) {
		name, found := strings.CutPrefix(p.folder(), "core/internal/")
		if found && (within("builtin", name) || within("kit", name)) {
			var files []codeFile
			for _, path := range p.sources() {
				files = append(files, readCode(t, path))
			}
			plugins = append(plugins, plugin{name, files})
		}
	}
	if len(plugins) < 5 {
		t.Fatalf("%d plugins; there are more", len(plugins))
	}
	for i, a := range plugins {
		for _, b := range plugins[i+1:] {
			for _, copied := range copies(a.files, b.files) {
				t.Errorf("%s and %s share %s", a.name, b.name, copied)
			}
		}
	}
}

// codeFile is a file as lines of tokens.
type codeFile struct {
	path  string
	lines []codeLine
}

type codeLine struct {
	number int
	tokens []codeToken
}

// codeToken is a token; name is set for an identifier.
type codeToken struct{ text, name string }

func readCode(t *testing.T, path string) codeFile {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return codeFile{filepath.Base(path), codeLines(data)}
}

// codeLines returns the lines of the functions of a file. Declarations of types, constants and
// variables, and the methods that the contract of a plugin demands in their shortest form, are not
// copies.
func codeLines(source []byte) (lines []codeLine) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "", source, 0)
	if err != nil {
		return nil
	}
	functions := map[int]bool{} // the lines of functions
	for _, d := range parsed.Decls {
		first, last := files.Position(d.Pos()).Line, files.Position(d.End()).Line
		if f, ok := d.(*ast.FuncDecl); ok && !(f.Recv != nil && f.Name.IsExported() && last-first <= 2) {
			for line := first; line <= last; line++ {
				functions[line] = true
			}
		}
	}
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(source))
	s.Init(file, source, nil, 0)
	for {
		position, kind, literal := s.Scan()
		if kind == token.EOF {
			return lines
		}
		number := file.Position(position).Line
		if !functions[number] || kind == token.SEMICOLON && literal == "\n" {
			continue
		}
		if len(lines) == 0 || lines[len(lines)-1].number != number {
			lines = append(lines, codeLine{number: number})
		}
		last := &lines[len(lines)-1]
		last.tokens = append(last.tokens, newCodeToken(kind, literal))
	}
}

func newCodeToken(kind token.Token, literal string) codeToken {
	switch {
	case kind == token.IDENT:
		return codeToken{name: literal}
	case kind.IsLiteral():
		return codeToken{text: literal}
	default:
		return codeToken{text: kind.String()}
	}
}

// windows returns all runs of copiedLines lines of a file by their shape.
func (f codeFile) windows() map[string]int {
	found := map[string]int{}
	for first := 0; first+copiedLines <= len(f.lines); first++ {
		if s, fair := shape(f.lines[first : first+copiedLines]); fair {
			found[s] = f.lines[first].number
		}
	}
	return found
}

// shape writes lines with their identifiers numbered in the order in which they occur. It reports
// whether comparing them is fair: the lines must say more than that errors are returned.
func shape(lines []codeLine) (text string, fair bool) {
	numbers := map[string]int{}
	var s strings.Builder
	plumbing := 0
	for _, line := range lines {
		if line.isPlumbing() {
			plumbing++
		}
		for _, t := range line.tokens {
			if t.name == "" {
				s.WriteString(t.text + " ")
				continue
			}
			if _, known := numbers[t.name]; !known {
				numbers[t.name] = len(numbers)
			}
			fmt.Fprintf(&s, "$%d ", numbers[t.name])
		}
		s.WriteString("\n")
	}
	return s.String(), plumbing < copiedLines/2
}

// isPlumbing reports whether a line is a closing brace, a test of err or a return without a call.
func (l codeLine) isPlumbing() bool {
	names, calls := []string{}, false
	for _, t := range l.tokens {
		calls = calls || t.text == "("
		if t.name != "" {
			names = append(names, t.name)
		}
	}
	switch l.tokens[0].text {
	case "}", ")", "return":
		return !calls
	case "if":
		return !calls && strings.Join(names, " ") == "err nil"
	}
	return false
}

// copies returns the places that two plugins share, the longest runs only.
func copies(a, b []codeFile) (places []string) {
	for _, f := range a {
		mine := f.windows()
		for _, g := range b {
			theirs := g.windows()
			var lines []int
			for s, line := range mine {
				if _, both := theirs[s]; both {
					lines = append(lines, line)
				}
			}
			if len(lines) > 0 {
				sort.Ints(lines)
				places = append(places, fmt.Sprintf("%d or more lines: %s from line %d on, %s",
					copiedLines, f.path, lines[0], g.path))
			}
		}
	}
	return places
}

func TestCopiesAreFound(t *testing.T) {
	code := func(body string) []codeFile {
		body = strings.ReplaceAll(body, "; ", "\n")
		return []codeFile{
			{"x.go", codeLines([]byte("package p\n\nimport (\n\t\"a\"\n)\n\n" + body + "\n"))},
		}
	}
	original := code("func f(a, b int) int {; c := g(a, 1); d := h(b); k(c); k(d); return g(c, 2); }")
	for _, c := range []struct {
		name, body string
		want       int
	}{
		{"renamed, with comments and blank lines",
			"// Why.; func ff(x, y int) int {; ; z := gg(x, 1); w := hh(y); kk(z); kk(w) // why; return " +
				"gg(z, 2); }", 1},
		{
			"other literals",
			"func f(a, b int) int {; c := g(a, 3); d := h(b); k(c); k(d); return g(c, 2); }", 0,
		},
		{
			"other variables",
			"func f(a, b int) int {; c := g(b, 1); d := h(b); k(d); k(d); return g(c, 2); }", 0,
		},
		{"shorter", "func f(a, b int) int {; c := g(a, 1); d := h(b); k(c); k(d); return 2; }", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if found := copies(original, code(c.body)); len(found) != c.want {
				t.Errorf("got %v, want %d", found, c.want)
			}
		})
	}
}

// ptp is the example of docs/contributing/plugins.md: on the kit, an interface plugin is small.
func TestAnInterfacePluginIsSmall(t *testing.T) {
	const limit = 350
	lines := 0
	for _, p := range packages(t) {
		if p.folder() == "core/internal/builtin/ptp" {
			for _, path := range p.sources() {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				lines += strings.Count(string(data), "\n")
			}
		}
	}
	if lines == 0 || lines > limit {
		t.Errorf("ptp has %d lines, the limit is %d", lines, limit)
	}
}
