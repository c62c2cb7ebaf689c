package structure

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// rings says, for the packages below a path, which others of this module they may import. The longest path that fits
// counts. Imports point inwards only.
var rings = map[string][]string{
	"libcni/capi":    {"libcni/core", "libcni/include"},
	"libcni/cmd":     {"libcni/cmd", "libcni/core", "libcni/core/plugin", "libcni/include"},
	"libcni/include": {},
	"libcni/core":    {"libcni/core/plugin", "libcni/core/volume", "libcni/core/internal", "libcni/include"},

	"libcni/core/plugin": {"libcni/core/internal/fault", "libcni/core/internal/event", "libcni/core/internal/jsonobject", "libcni/core/internal/resultjson",
		"libcni/core/internal/host"},
	"libcni/core/volume":               {"libcni/core/internal/fault"},
	"libcni/core/internal":             {"libcni/core/plugin", "libcni/core/internal"},
	"libcni/core/internal/fault":       {"libcni/core/internal/host/errno"},
	"libcni/core/internal/event":       {},
	"libcni/core/internal/strictjson":  {"libcni/core/internal/fault", "libcni/core/internal/jsonobject"},
	"libcni/core/internal/jsonobject":  {},
	"libcni/core/internal/resultjson":  {"libcni/core/internal/jsonobject"},
	"libcni/core/internal/conf":        inner,
	"libcni/core/internal/attachments": inner,
	"libcni/core/internal/invoke":      inner,
	"libcni/core/internal/builtin":     append([]string{"libcni/core/internal/builtin"}, inner...),
	"libcni/core/internal/host":        {"libcni/core/internal/host"},

	"libcni/test":     {"libcni"},
	"libcni/bench":    {"libcni"},
	"libcni/examples": {},
}

// inner is what the engine's parts and the built-in plugins stand on; they do not know each other.
var inner = []string{
	"libcni/core/plugin", "libcni/core/internal/fault", "libcni/core/internal/event", "libcni/core/internal/strictjson",
	"libcni/core/internal/jsonobject", "libcni/core/internal/resultjson", "libcni/core/internal/host",
}

func TestImportsPointInwards(t *testing.T) {
	for _, p := range packages(t) {
		ring := longest(p.ImportPath)
		if ring == "" {
			t.Errorf("%s is in no ring; add it to the table, with what it may import", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if within("libcni", imported) && !allowed(rings[ring], imported) {
				t.Errorf("%s imports %s; packages of %s may import %v", p.ImportPath, imported, ring, rings[ring])
			}
		}
	}
}

func longest(path string) string {
	best := ""
	for ring := range rings {
		if within(ring, path) && len(ring) > len(best) {
			best = ring
		}
	}
	return best
}

func within(ring, path string) bool { return path == ring || strings.HasPrefix(path, ring+"/") }

// allowed takes libcni/core for that package alone: what is below it is named.
func allowed(list []string, path string) bool {
	for _, a := range list {
		if path == a || a != "libcni/core" && within(a, path) {
			return true
		}
	}
	return false
}

// reserved says which packages of this module may import a package from elsewhere, or anything below it.
var reserved = map[string][]string{
	"github.com/vishvananda/netlink":                {"libcni/core/internal/host", "libcni/test", "libcni/bench"},
	"github.com/vishvananda/netns":                  {"libcni/core/internal/host", "libcni/test", "libcni/bench"},
	"github.com/mdlayher/netlink":                   {"libcni/core/internal/host", "libcni/test", "libcni/bench"},
	"github.com/google/nftables":                    {"libcni/core/internal/host", "libcni/test", "libcni/bench"},
	"golang.org/x/sys":                              {"libcni/core/internal/host", "libcni/test", "libcni/bench"},
	"github.com/spf13":                              {"libcni/cmd"},
	"github.com/containernetworking/cni/libcni":     {"libcni/test", "libcni/bench"},
	"github.com/containernetworking/cni/pkg/invoke": {"libcni/test", "libcni/bench"},
	"github.com/containernetworking/cni/pkg/skel":   {"libcni/test", "libcni/bench"},
	"github.com/containernetworking/plugins":        {"libcni/test", "libcni/bench"},
	"C":                                             {"libcni/capi", "libcni/bench/programs/nothing"},
	"log":                                           {"libcni/cmd", "libcni/test", "libcni/bench"},
	"log/slog":                                      {"libcni/cmd", "libcni/test", "libcni/bench"},
	"flag":                                          {"libcni/cmd", "libcni/test", "libcni/bench"},
	"net/http":                                      {"libcni/test", "libcni/bench"},
	"os/exec":                                       {"libcni/cmd", "libcni/test", "libcni/bench"},
	"testing":                                       {"libcni/core/internal/host/netns/netnstest", "libcni/core/internal/host/rtnl/rtnltest", "libcni/test", "libcni/bench"},
	"github.com/google/go-cmp":                      {"libcni/test", "libcni/bench"},
	"github.com/containernetworking/cni/pkg/version": {"libcni/core", "libcni/cmd", "libcni/test", "libcni/bench"},
}

func TestPackagesFromElsewhereStayWhereTheyBelong(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for path, homes := range reserved {
				if within(path, imported) && !inAny(homes, p.ImportPath) {
					t.Errorf("%s imports %s, which only packages of %v may", p.ImportPath, imported, homes)
				}
			}
		}
	}
}

func inAny(rings []string, path string) bool {
	for _, ring := range rings {
		if within(ring, path) {
			return true
		}
	}
	return false
}

// processWide are the names through which code reads or changes its process, by package.
var processWide = map[string][]string{
	"os":      {"Getenv", "LookupEnv", "Environ", "Setenv", "Unsetenv", "Stdin", "Stdout", "Stderr", "Exit", "Chdir", "Args"},
	"syscall": {"Umask", "Chdir", "Setenv", "Getenv", "Environ", "Setrlimit"},
	"runtime": {"GOMAXPROCS"},
	"fmt":     {"Print", "Printf", "Println"},
}

func TestCoreLeavesItsProcessAlone(t *testing.T) {
	for _, p := range packages(t) {
		if !within("libcni/core", p.ImportPath) {
			continue
		}
		for _, path := range p.sources() {
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if use := processUse(n); use != "" {
					t.Errorf("%s: %s; core is told what it needs", files.Position(n.Pos()), use)
				}
				return true
			})
		}
	}
}

// processUse names what a node does to its process, or returns "".
func processUse(n ast.Node) string {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if n.Name.Name == "init" && n.Recv == nil {
			return "func init"
		}
	case *ast.SelectorExpr:
		pkg, ok := n.X.(*ast.Ident)
		if !ok || pkg.Obj != nil { // Obj is set for local names
			return ""
		}
		for _, name := range processWide[pkg.Name] {
			if n.Sel.Name == name {
				return pkg.Name + "." + name
			}
		}
	}
	return ""
}
