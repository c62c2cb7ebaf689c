// Package structure holds the tests that police the repository: which package may import what, and
// that the header, the symbol map, the API description, Go, Python and the documents say the same.
package structure

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// goPackage is what "go list" says of a package.
type goPackage struct {
	Dir, ImportPath, Name, Doc     string
	GoFiles, CgoFiles, TestGoFiles []string
	XTestGoFiles, Imports          []string
}

// module is the path of the main module.
const module = "github.com/libcni/libcni"

// folder returns the package's folder below the top of the repository.
func (p goPackage) folder() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// packages lists the packages of the main module.
func packages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.Command("go", "list",
		"-json=Dir,ImportPath,Name,Doc,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Imports", "./...")
	list.Dir = root
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list knows %d packages; the repository has more", len(all))
	}
	return all
}

// sources are the files of the package that are part of a build.
func (p goPackage) sources() []string {
	var files []string
	for _, name := range append(append([]string(nil), p.GoFiles...), p.CgoFiles...) {
		files = append(files, filepath.Join(p.Dir, name))
	}
	return files
}

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
