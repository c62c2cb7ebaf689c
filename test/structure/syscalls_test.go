package structure

import (
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// kernelRing is where calls of the kernel belong.
const kernelRing = "core/internal/host"

// fileFunctions are the functions of package os that open files or change what is on disk. Package
// host/file does so without blocking on a FIFO. Looking at a file (Stat, Readlink) is allowed
// everywhere.
var fileFunctions = []string{
	"Chdir", "Chmod", "Chown", "Chtimes", "CopyFS", "Create", "CreateTemp", "DirFS", "Lchown", "Link",
	"Mkdir", "MkdirAll",
	"MkdirTemp", "NewFile", "Open", "OpenFile", "OpenInRoot", "OpenRoot", "Pipe", "ReadDir",
	"ReadFile", "Remove",
	"RemoveAll", "Rename", "StartProcess", "Symlink", "Truncate", "WriteFile",
}

// computations are the functions of package syscall that do not call the kernel.
var computations = []string{"BytePtrFromString", "ByteSliceFromString", "NsecToTimespec",
	"NsecToTimeval", "TimespecToNsec"}

// TestOnlyTheHostRingCallsTheKernel looks at calls, not imports: constants and error numbers may be
// used anywhere.
func TestOnlyTheHostRingCallsTheKernel(t *testing.T) {
	exported := exportData(t)
	checked := 0
	for _, p := range packages(t) {
		folder := p.folder()
		if !within("core", folder) || within(kernelRing, folder) || strings.HasSuffix(folder, "test") {
			continue
		}
		checked++
		for position, name := range kernelCalls(t, p, exported) {
			t.Errorf("%s: %s; only packages below %s may", position, name, kernelRing)
		}
	}
	if checked < 10 {
		t.Errorf("%d packages were looked at; the ring core has more", checked)
	}
}

// TestKernelCallsAreSeen is the test's own test.
func TestKernelCallsAreSeen(t *testing.T) {
	exported := exportData(t)
	source := `package example
import ("os"; sys "syscall")
func f(err error) { g := sys.Unlink; _ = g("x"); _, _ = os.Stat("x"); _ = os.Remove("x"); _ = err == sys.ENOENT; _ = sys.ENOENT.Error() }`
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "example.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range callsIn(t, files, []*ast.File{file}, "example", exported) {
		names = append(names, name)
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "os.Remove syscall.Unlink" {
		t.Errorf("seen: %q", got)
	}
}

// exportData returns the compiled description of each package that core imports.
func exportData(t *testing.T) map[string]string {
	t.Helper()
	list := exec.Command("go", "list", "-export", "-deps", "-tags", "netgo,osusergo",
		"-json=ImportPath,Export", "./core/...")
	list.Dir = root
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); err != nil {
			t.Fatalf("go list: %v", err)
		}
		all[p.ImportPath] = p.Export
	}
	return all
}

func kernelCalls(t *testing.T, p goPackage, exported map[string]string) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	var parsed []*ast.File
	for _, path := range p.sources() {
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, file)
	}
	return callsIn(t, files, parsed, p.ImportPath, exported)
}

// callsIn returns the functions that call the kernel by the place where they are used, called or
// not.
func callsIn(t *testing.T, files *token.FileSet, parsed []*ast.File, path string,
	exported map[string]string) map[string]string {
	t.Helper()
	config := types.Config{Importer: importer.ForCompiler(files, "gc",
		func(path string) (io.ReadCloser, error) {
			return os.Open(exported[path])
		})}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	if _, err := config.Check(path, files, parsed, &info); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	calls := map[string]string{}
	for identifier, object := range info.Uses {
		if function, ok := object.(*types.Func); ok && callsKernel(function) {
			calls[files.Position(identifier.Pos()).String()] = function.Pkg().Path() + "." + function.Name()
		}
	}
	return calls
}

func callsKernel(function *types.Func) bool {
	if function.Pkg() == nil || function.Signature().Recv() != nil {
		return false
	}
	switch function.Pkg().Path() {
	case "syscall":
		return !slices.Contains(computations, function.Name())
	case "golang.org/x/sys/unix":
		return true
	case "os":
		return slices.Contains(fileFunctions, function.Name())
	default:
		return false
	}
}
