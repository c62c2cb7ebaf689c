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

	"github.com/libcni/libcni/test/clones"
)

// printDuplicates counts the lines of code that lie in a block which stands elsewhere too.
func printDuplicates(w io.Writer, files []file) {
	fmt.Fprintf(w, "\n## Blocks of %d or more lines that stand more than once\n\n", clones.Shortest)
	fmt.Fprintln(w, "| | blocks | lines in them | of lines of code |\n|---|--:|--:|--:|")
	for _, row := range []struct {
		name, language string
		test           bool
		mode           clones.Mode
	}{
		{"Go, same tokens", "Go", false, clones.Letter},
		{"Go, same shape", "Go", false, clones.Shape},
		{"Go, tests, same tokens", "Go", true, clones.Letter},
		{"Go, tests, same shape", "Go", true, clones.Shape},
		{"C, same text", "C", false, clones.Letter},
		{"C, tests, same text", "C", true, clones.Letter},
		{"Python, same text", "Python", false, clones.Letter},
	} {
		tree, all := map[string][]clones.Line{}, 0
		for _, f := range files {
			if f.language != row.language || f.test != row.test {
				continue
			}
			if f.language == "Go" {
				tree[f.path] = clones.Go([]byte(f.text), row.mode)
			} else {
				tree[f.path] = clones.Text([]byte(f.text))
			}
			all += len(tree[f.path])
		}
		blocks, lines := clones.Repeated(tree), 0
		for _, block := range blocks {
			lines += block.Lines
		}
		fmt.Fprintf(w, "| %s | %d | %d | %d |\n", row.name, len(blocks), lines, all)
	}
}

// printDocumented prints how many exported names have a doc comment.
func printDocumented(w io.Writer, files []file) {
	type share struct{ documented, all int }
	shares := map[string]*share{}
	for _, f := range files {
		if f.language != "Go" || f.test {
			continue
		}
		top, _, _ := strings.Cut(f.path, "/")
		for _, documented := range exported(f) {
			for _, folder := range []string{top, "**all**"} {
				if shares[folder] == nil {
					shares[folder] = &share{}
				}
				shares[folder].all++
				if documented {
					shares[folder].documented++
				}
			}
		}
	}
	fmt.Fprint(w, "\n## Exported names with a doc comment\n\n| folder | documented | of | share |\n")
	fmt.Fprintln(w, "|---|--:|--:|--:|")
	for _, folder := range slices.Sorted(maps.Keys(shares)) {
		s := shares[folder]
		fmt.Fprintf(w, "| %s | %d | %d | %.0f %% |\n",
			folder, s.documented, s.all, 100*float64(s.documented)/float64(s.all))
	}
}

// exported returns the exported functions, methods of exported types, types, constants and
// variables of a file, and whether each has a doc comment, its own or its group's.
func exported(f file) map[string]bool {
	names := map[string]bool{}
	parsed, err := parser.ParseFile(token.NewFileSet(), f.path, f.text, parser.ParseComments)
	if err != nil {
		return nil
	}
	for _, declaration := range parsed.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if receiver := receiverOf(d); d.Name.IsExported() && ast.IsExported(receiver) {
				names[receiver+"."+d.Name.Name] = d.Doc != nil
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				addSpec(names, spec, d.Doc != nil)
			}
		}
	}
	return names
}

// receiverOf returns the type of a method's receiver, or an exported word for a function.
func receiverOf(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return "Func"
	}
	receiver := d.Recv.List[0].Type
	for {
		switch t := receiver.(type) {
		case *ast.StarExpr:
			receiver = t.X
		case *ast.IndexExpr:
			receiver = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

func addSpec(names map[string]bool, spec ast.Spec, group bool) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			names[s.Name.Name] = group || s.Doc != nil || s.Comment != nil
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() {
				names[name.Name] = group || s.Doc != nil || s.Comment != nil
			}
		}
	}
}
