package structure

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestEveryPackageHasOneDocComment(t *testing.T) {
	for _, p := range packages(t) {
		files := p.sources()
		if len(files) == 0 {
			for _, name := range append(append([]string(nil), p.TestGoFiles...), p.XTestGoFiles...) {
				files = append(files, p.Dir+"/"+name)
			}
		}
		var found []string
		for _, path := range files {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil,
				parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if file.Doc != nil && strings.TrimSpace(file.Doc.Text()) != "" {
				found = append(found, file.Doc.Text())
			}
		}
		if len(found) != 1 {
			t.Errorf("%s has %d doc comments, not one", p.ImportPath, len(found))
			continue
		}
		if !strings.HasPrefix(found[0], "Package "+p.Name+" ") &&
			!strings.HasPrefix(found[0], "Command ") {
			t.Errorf("%s: the doc comment begins with %.40q, not with Package %s", p.ImportPath, found[0],
				p.Name)
		}
	}
}
