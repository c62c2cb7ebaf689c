package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// printFolders counts lines by folder: two levels deep, in core three.
func printFolders(w io.Writer, files []file) {
	type count struct{ code, test, generated, prose int }
	folders := map[string]*count{}
	for _, f := range files {
		for _, folder := range []string{folderOf(f.path), "**all**"} {
			if folders[folder] == nil {
				folders[folder] = &count{}
			}
			switch c := folders[folder]; {
			case f.language == "Markdown":
				c.prose += f.lines()
			case f.generated:
				c.generated += f.lines()
			case f.test:
				c.test += f.lines()
			default:
				c.code += f.lines()
			}
		}
	}
	fmt.Fprint(w, "## Lines by folder\n\n| folder | code | tests | generated | Markdown |\n")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|")
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		c := folders[folder]
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d |\n", folder, c.code, c.test, c.generated, c.prose)
	}
}

func folderOf(path string) string {
	parts := strings.Split(path, "/")
	deep := 1
	if parts[0] == "core" {
		deep = 3
	}
	if deep = min(deep, len(parts)-1); deep == 0 {
		return "."
	}
	return strings.Join(parts[:deep], "/")
}

// columns is the longest line; a tab counts as one column.
const columns = 100

func printLongLines(w io.Writer, files []file) {
	found := map[string]int{}
	for _, f := range files {
		for line := range strings.Lines(f.text) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > columns {
				found[f.language]++
			}
		}
	}
	fmt.Fprintf(w, "\n## Lines over %d columns\n\n| language | lines |\n|---|--:|\n", columns)
	for _, language := range slices.Sorted(maps.Keys(found)) {
		fmt.Fprintf(w, "| %s | %d |\n", language, found[language])
	}
}

// printLengths prints how long functions and files are.
func printLengths(w io.Writer, files []file) {
	functions, whole := map[string][]int{}, map[string][]int{}
	for _, f := range files {
		if f.language != "Go" && f.language != "C" {
			continue
		}
		kind := f.language
		if f.test {
			kind += ", tests"
		}
		whole[kind] = append(whole[kind], f.lines())
		if f.language == "Go" {
			functions[kind] = append(functions[kind], functionsOfGo(f)...)
		} else {
			functions[kind] = append(functions[kind], functionsOfC(f)...)
		}
	}
	fmt.Fprint(w, "\n## Lengths in lines\n\n| | number | median | 95th percentile | longest |\n")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|")
	for _, kind := range slices.Sorted(maps.Keys(functions)) {
		printLength(w, "functions, "+kind, functions[kind])
	}
	for _, kind := range slices.Sorted(maps.Keys(whole)) {
		printLength(w, "files, "+kind, whole[kind])
	}
}

func printLength(w io.Writer, name string, lengths []int) {
	if len(lengths) == 0 {
		return
	}
	slices.Sort(lengths)
	at := func(percent int) int { return lengths[(len(lengths)-1)*percent/100] }
	fmt.Fprintf(w, "| %s | %d | %d | %d | %d |\n", name, len(lengths), at(50), at(95), at(100))
}

// functionsOfGo returns the lengths of the declared functions, from "func" to the last brace.
func functionsOfGo(f file) (lengths []int) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, f.path, f.text, parser.SkipObjectResolution)
	if err != nil {
		return nil // test data that is wrong on purpose
	}
	for _, declaration := range parsed.Decls {
		if d, ok := declaration.(*ast.FuncDecl); ok && d.Body != nil {
			lengths = append(lengths, files.Position(d.End()).Line-files.Position(d.Pos()).Line+1)
		}
	}
	return lengths
}

// functionsOfC returns the lengths of functions whose braces are in the first column, and of those
// on a line of their own.
func functionsOfC(f file) (lengths []int) {
	begin, head := -1, 0
	for i, line := range strings.Split(f.text, "\n") {
		switch {
		case line == "{":
			begin = head
		case line == "}" && begin >= 0:
			lengths = append(lengths, i-begin+1)
			begin = -1
		case begin < 0 && strings.HasSuffix(line, "}") && strings.Contains(line, ") {") && line[0] > ' ':
			lengths = append(lengths, 1)
		case begin < 0 && line != "" && line[0] > ' ' && line[0] != '/' && line[0] != '#':
			head = i
		}
	}
	return lengths
}
