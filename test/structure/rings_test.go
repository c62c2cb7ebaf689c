package structure

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// rings says, for the packages below a path, which others of this module they may import. The
// longest path that fits counts. Imports point inwards only.
var rings = map[string][]string{
	"api":  {"api"},
	"capi": {"core", "api", "capi/goruntime"},
	"cmd":  {"cmd", "core", "core/plugin", "api"},
	"core": {"core/plugin", "core/volume", "core/internal", "api"},

	"core/plugin": {
		"core/internal/fault", "core/internal/jsonobject", "core/internal/resultjson",
		"core/internal/spec",
	},
	"core/volume":           {"core/internal/fault", "core/internal/host"},
	"core/internal":         {"core/plugin", "core/internal"},
	"core/internal/fault":   {"core/internal/host/errno"},
	"core/internal/event":   {},
	"core/internal/spec":    {},
	"core/internal/similar": {},
	"core/internal/strictjson": {
		"core/internal/fault", "core/internal/jsonobject", "core/internal/similar",
	},
	"core/internal/jsonobject": {},
	"core/internal/resultjson": {"core/internal/jsonobject"},
	"core/internal/conf": {
		"core/internal/host/file", "core/internal/fault", "core/internal/jsonobject",
		"core/internal/spec",
	},
	"core/internal/attachments": inner,
	"core/internal/invoke":      inner,
	"core/internal/kit":         append([]string{"core/internal/kit"}, inner...),
	"core/internal/builtin": append([]string{"core/internal/builtin", "core/internal/kit"},
		inner...),
	"core/internal/lifecycle": append([]string{
		"core/internal/attachments", "core/internal/conf", "core/internal/invoke", "core/internal/kit",
	}, inner...),
	"core/internal/host":        {"core/internal/host"},
	"core/internal/kit/kittest": append([]string{"core/internal/kit", "core/internal/must"}, inner...),
	"core/internal/must":        {},

	"test":     {everything},
	"bench":    {everything},
	"examples": {},
}

// everything stands for all packages of the module.
const everything = ""

// inner is what the engine's parts and the built-in plugins stand on; they do not know each other.
var inner = []string{
	"core/plugin", "core/internal/fault", "core/internal/event", "core/internal/spec",
	"core/internal/strictjson", "core/internal/similar",
	"core/internal/jsonobject", "core/internal/resultjson", "core/internal/host",
}

func TestImportsPointInwards(t *testing.T) {
	for _, p := range packages(t) {
		ring := longest(p.folder())
		if ring == "" {
			t.Errorf("%s is in no ring; add it to the table, with what it may import", p.ImportPath)
			continue
		}
		for _, path := range p.Imports {
			imported, own := strings.CutPrefix(path, module+"/")
			if own && !allowed(rings[ring], imported) {
				t.Errorf("%s imports %s; packages of %s may import %v", p.ImportPath, imported, ring,
					rings[ring])
			}
		}
	}
}

// What two plugins need is the kit's, or of address plugins ipamconfig's.
func TestPluginsDoNotImportEachOther(t *testing.T) {
	const folder = "core/internal/builtin/"
	for _, p := range packages(t) {
		own, isPlugin := strings.CutPrefix(p.folder(), folder)
		if !isPlugin {
			continue
		}
		own, _, _ = strings.Cut(own, "/")
		for _, imported := range p.Imports {
			other, found := strings.CutPrefix(imported, module+"/"+folder)
			if found && !within(own, other) && other != "ipamconfig" {
				t.Errorf("%s imports %s", p.ImportPath, imported)
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

func within(ring, path string) bool {
	return ring == everything || path == ring || strings.HasPrefix(path, ring+"/")
}

// allowed takes core for that package alone: what is below it is named.
func allowed(list []string, path string) bool {
	for _, a := range list {
		if path == a || a != "core" && within(a, path) {
			return true
		}
	}
	return false
}

// reserved says which packages of this module may import a package from elsewhere, or anything
// below it.
var reserved = map[string][]string{
	"github.com/vishvananda/netlink":                {"test", "bench"},
	"github.com/vishvananda/netns":                  {"test", "bench"},
	"github.com/mdlayher/netlink":                   {"core/internal/host", "test", "bench"},
	"github.com/google/nftables":                    {"core/internal/host", "test", "bench"},
	"golang.org/x/sys":                              {"core/internal/host", "test", "bench"},
	"github.com/spf13":                              {"cmd"},
	"github.com/containernetworking/cni/libcni":     {"test", "bench"},
	"github.com/containernetworking/cni/pkg/invoke": {"test", "bench"},
	"github.com/containernetworking/cni/pkg/skel":   {"test", "bench"},
	"github.com/containernetworking/plugins":        {"test", "bench"},
	"C":                                             {"capi", "bench/programs/nothing"},
	"log":                                           {"cmd", "test", "bench"},
	"log/slog":                                      {"cmd", "test", "bench"},
	"flag": {
		"api/generate", "cmd", "core/internal/kit/kittest", "test", "bench",
	},
	"net/http": {"core/volume", "test", "bench"},
	"os/exec":  {"cmd", "core/internal/kit/kittest", "test", "bench"},
	"testing": {
		"core/internal/host/leaktest", "core/internal/host/netns/netnstest",
		"core/internal/host/rtnl/rtnltest", "core/internal/kit/kittest", "core/internal/must",
		"test", "bench",
	},
	"github.com/google/go-cmp":                       {"core/internal/kit/kittest", "test", "bench"},
	"github.com/containernetworking/cni/pkg/version": {"core", "cmd", "test", "bench"},
}

func TestPackagesFromElsewhereStayWhereTheyBelong(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for path, homes := range reserved {
				if within(path, imported) && !inAny(homes, p.folder()) {
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
	"os": {
		"Getenv", "LookupEnv", "Environ", "Setenv", "Unsetenv", "Stdin", "Stdout", "Stderr", "Exit",
		"Chdir", "Args",
	},
	"syscall": {"Umask", "Chdir", "Setenv", "Getenv", "Environ", "Setrlimit"},
	"runtime": {"GOMAXPROCS"},
	"fmt":     {"Print", "Printf", "Println"},
}

// partsOfTests are packages that only tests import.
var partsOfTests = []string{"core/internal/kit/kittest", "core/internal/host/leaktest"}

func TestCoreLeavesItsProcessAlone(t *testing.T) {
	for _, p := range packages(t) {
		if !within("core", p.folder()) || slices.Contains(partsOfTests, p.folder()) {
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
					t.Errorf("%s: %s; core gets what it needs from its caller", files.Position(n.Pos()), use)
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
