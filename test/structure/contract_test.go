package structure

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// A module outside cannot name a type of core/internal. An alias of one can be named through the
// alias.
func TestThePluginContractUsesNoInternalType(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join(root, "core/plugin/*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("%d sources of core/plugin, %v", len(sources), err)
	}
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		internal := internalImports(file)
		for _, part := range exportedTypes(file) {
			ast.Inspect(part, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if pkg, ok := s.X.(*ast.Ident); ok && internal[pkg.Name] {
						t.Errorf("%s: %s.%s is internal", files.Position(n.Pos()), pkg.Name, s.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// internalImports returns the names of the internal packages that a file imports.
func internalImports(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, spec := range file.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		if !strings.Contains(path, "/internal/") {
			continue
		}
		names[path[strings.LastIndex(path, "/")+1:]] = true
		if spec.Name != nil {
			names[spec.Name.Name] = true
		}
	}
	return names
}

// exportedTypes returns the parts of a file that its importers see: types and signatures, without
// bodies, values and fields that are not exported.
func exportedTypes(file *ast.File) (parts []ast.Node) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Name.IsExported() {
				parts = append(parts, decl.Type)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.IsExported() && spec.Assign == 0 {
					parts = append(parts, exportedFields(spec.Type)...)
				}
			}
		}
	}
	return parts
}

func exportedFields(expr ast.Expr) []ast.Node {
	structure, ok := expr.(*ast.StructType)
	if !ok {
		return []ast.Node{expr}
	}
	var parts []ast.Node
	for _, field := range structure.Fields.List {
		exported := len(field.Names) == 0
		for _, name := range field.Names {
			exported = exported || name.IsExported()
		}
		if exported {
			parts = append(parts, field.Type)
		}
	}
	return parts
}
