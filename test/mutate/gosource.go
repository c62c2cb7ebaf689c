package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// function is a Go function with its file.
type function struct {
	path string
	text []byte
	fset *token.FileSet
	decl *ast.FuncDecl
}

// findFunction returns a function of a package: NAME, or TYPE.NAME for a method.
func findFunction(directory, name string) (*function, error) {
	paths, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		return nil, err
	}
	var found *function
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f := &function{path: path, fset: token.NewFileSet()}
		if f.text, err = os.ReadFile(path); err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(f.fset, path, f.text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, declaration := range file.Decls {
			if d, ok := declaration.(*ast.FuncDecl); ok && d.Body != nil && nameOf(d) == name {
				if found != nil {
					return nil, fmt.Errorf("%s has two functions %s", directory, name)
				}
				f.decl, found = d, f
			}
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%s has no function %s", directory, name)
	}
	return found, nil
}

// nameOf returns the name of a function, after its receiver's type if it is a method.
func nameOf(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	receiver := d.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		return name.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// mention is an expression that names something, with the nodes around it, innermost last.
type mention struct {
	expr   ast.Expr
	around []ast.Node
}

// mentions returns where a function names something: "Name" is an identifier or the last part of
// a selector; anything else is an expression as it is written. What is assigned to does not count,
// nor do the keys of literals.
func (f *function) mentions(name string) (found []mention) {
	var around []ast.Node
	ast.Inspect(f.decl.Body, func(n ast.Node) bool {
		if n == nil {
			around = around[:len(around)-1]
			return true
		}
		if expr, ok := n.(ast.Expr); ok && f.isMention(expr, name, around) {
			found = append(found, mention{expr, slices.Clone(around)})
		}
		around = append(around, n)
		return true
	})
	return found
}

func (f *function) isMention(expr ast.Expr, name string, around []ast.Node) bool {
	parent := ast.Node(nil)
	if len(around) > 0 {
		parent = around[len(around)-1]
	}
	if assign, ok := parent.(*ast.AssignStmt); ok && slices.Contains(assign.Lhs, expr) {
		return false
	}
	switch e := expr.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name == name || f.source(e) == name
	case *ast.Ident:
		if selector, ok := parent.(*ast.SelectorExpr); ok && selector.Sel == e {
			return false // the selector is the mention
		}
		if pair, ok := parent.(*ast.KeyValueExpr); ok && pair.Key == e {
			return false
		}
		return e.Name == name
	}
	return f.source(expr) == name
}

// one returns the only mention of a name.
func (f *function) one(name string) (mention, error) {
	found := f.mentions(name)
	if len(found) != 1 {
		return mention{}, fmt.Errorf("%s names %s %d times, not once", nameOf(f.decl), name, len(found))
	}
	return found[0], nil
}

// edit replaces the bytes from one position to another.
type edit struct {
	from, to token.Pos
	text     string
}

// apply returns the file with edits, which do not overlap.
func (f *function) apply(edits []edit) []byte {
	slices.SortFunc(edits, func(a, b edit) int { return int(b.from - a.from) })
	text := slices.Clone(f.text)
	for _, e := range edits {
		from, to := f.fset.Position(e.from).Offset, f.fset.Position(e.to).Offset
		text = slices.Concat(text[:from], []byte(e.text), text[to:])
	}
	return text
}

// source returns the text of a node.
func (f *function) source(n ast.Node) string {
	return string(f.text[f.fset.Position(n.Pos()).Offset:f.fset.Position(n.End()).Offset])
}

// zeros returns values for a return statement: the zero value of each result's type.
func (f *function) zeros(signature *ast.FuncType) string {
	if signature.Results == nil {
		return ""
	}
	var values []string
	for _, field := range signature.Results.List {
		var kind bytes.Buffer
		if err := printer.Fprint(&kind, f.fset, field.Type); err != nil {
			panic(err) // a buffer takes everything
		}
		for range max(len(field.Names), 1) {
			values = append(values, "*new("+kind.String()+")")
		}
	}
	return strings.Join(values, ", ")
}
