package invoke

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

func TestResolve(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	both := install(t, second, "both", "")
	partial := install(t, second, "partial", "")
	process := install(t, second, "process", "")
	shadowed := install(t, first, "shadowed", "")
	install(t, second, "shadowed", "")
	// The first directory has files of the right name that are not executable.
	if err := os.Mkdir(filepath.Join(first, "process"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"both", "dull"} {
		if err := os.WriteFile(filepath.Join(first, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	linked := Target{Type: "linked", Path: filepath.Join(first, "linked")}
	if err := os.Symlink(process.Path, linked.Path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nonexistent", filepath.Join(first, "broken")); err != nil {
		t.Fatal(err)
	}
	inProcess := func(name string) Target { return Target{Type: name, Builtin: true} }

	tests := []struct {
		name string
		mode Builtins
		typ  string
		want Target
		kind fault.Kind
		says string
	}{
		{"prefer takes the built-in", Prefer, "both", inProcess("both"), "", ""},
		{"fallback takes the executable", Fallback, "both", both, "", ""},
		{"only takes the built-in", Only, "both", inProcess("both"), "", ""},
		{"never takes the executable", Never, "both", both, "", ""},
		{"prefer finds the executable", Prefer, "process", process, "", ""},
		{"fallback finds the built-in", Fallback, "memory", inProcess("memory"), "", ""},
		{"first directory wins", Prefer, "shadowed", shadowed, "", ""},
		{"symbolic link", Prefer, "linked", linked, "", ""},
		{"prefer leaves what the built-in lacks to the executable", Prefer, "partial", partial, "", ""},
		{"prefer refuses what the built-in lacks", Prefer, "lacking", Target{}, fault.KindUnsupported,
			"key ipMasq"},
		{"fallback refuses what the built-in lacks", Fallback, "lacking", Target{}, fault.KindUnsupported,
			"key ipMasq"},
		{"only refuses what the built-in lacks", Only, "partial", Target{}, fault.KindUnsupported,
			`"only"`},
		{"never does not ask the built-in", Never, "partial", partial, "", ""},
		{"missing", Prefer, "missing", Target{}, fault.KindPluginNotFound,
			"not built in, and no executable of that name in " + first + ", " + second},
		{"only executable, not allowed", Only, "process", Target{}, fault.KindPluginNotFound, `"only"`},
		{"only built-in, not allowed", Never, "memory", Target{}, fault.KindPluginNotFound, `"never"`},
		{"not executable", Prefer, "dull", Target{}, fault.KindPluginNotFound,
			filepath.Join(first, "dull") + " is not executable"},
		{"broken link", Prefer, "broken", Target{}, fault.KindPluginNotFound, "no executable"},
		{"empty type", Prefer, "", Target{}, fault.KindInvalidConfig, "empty"},
		{"slash", Prefer, "../process", Target{}, fault.KindInvalidConfig, `"../process"`},
		{"absolute", Prefer, process.Path, Target{}, fault.KindInvalidConfig, "'/'"},
		{"dots", Prefer, "..", Target{}, fault.KindInvalidConfig, `".."`},
		{"hidden", Prefer, ".process", Target{}, fault.KindInvalidConfig, "'.'"},
		{"NUL", Prefer, "pro\x00cess", Target{}, fault.KindInvalidConfig, `\x00`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := runner(nil)
			r.Mode, r.PluginDirs = test.mode, []string{first, second}
			r.Catalog = catalog(map[string]plugin.Plugin{
				"both": fake{}, "memory": fake{}, "partial": fake{unsupported: "ipMasq"},
				"lacking": fake{unsupported: "ipMasq"},
			})
			got, err := r.Resolve(test.typ, []byte("{}"))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("target (-want +got):\n%s", diff)
			}
			if test.kind == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := faultOf(t, err)
			if e.Kind != test.kind || !strings.Contains(e.Msg+" "+e.Details, test.says) {
				t.Errorf("error %s: %s (%s), want %s that says %q", e.Kind, e.Msg, e.Details, test.kind,
					test.says)
			}
		})
	}
}

func TestResolveNamesTheUnsupportedKeyInDetails(t *testing.T) {
	r := runner(nil)
	r.Catalog = catalog(map[string]plugin.Plugin{"lacking": fake{unsupported: "ipam.range"}})
	_, err := r.Resolve("lacking", []byte("{}"))
	if e := faultOf(t, err); e.Details != "ipam.range" || !e.Plugin.Builtin ||
		e.Plugin.Type != "lacking" {
		t.Errorf("details %q, plugin %+v", e.Details, e.Plugin)
	}
	if _, err := r.Resolve("lacking", nil); err != nil {
		t.Errorf("without a configuration there is no key to lack: %v", err)
	}
}

func TestListReturnsWhatResolveSelects(t *testing.T) {
	dir := t.TempDir()
	process := install(t, dir, "process", "")
	install(t, dir, "both", "")
	install(t, dir, ".hidden", "")
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := runner(nil)
	r.PluginDirs = []string{"/nonexistent", dir}
	r.Types = func() []string { return []string{"memory", "both"} }
	r.Catalog = catalog(map[string]plugin.Plugin{"both": fake{}, "memory": fake{}})
	want := []Target{{Type: "both", Builtin: true}, {Type: "memory", Builtin: true}, process}
	if diff := cmp.Diff(want, r.List()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUsable(t *testing.T) {
	there := install(t, t.TempDir(), "there", "")
	tests := []struct {
		name   string
		target Target
		want   bool
	}{
		{"executable", there, true},
		{"executable gone", Target{Type: "there", Path: there.Path + "-gone"}, false},
		{"relative path", Target{Type: "there", Path: "there"}, false},
		{"built-in, whatever the mode", Target{Type: "memory", Builtin: true}, true},
		{"no longer built in", Target{Type: "there", Builtin: true}, false},
		{"no type", Target{Path: there.Path}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := runner(nil)
			r.Mode, r.Catalog = Never, catalog(map[string]plugin.Plugin{"memory": fake{}})
			if got := r.Usable(test.target); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// A file that is not executable is not suggested, and the search for a suggestion ends.
func TestMistypedTypeNamesTheNearestUsable(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "macvlan", "#!/bin/sh\n")
	for _, name := range []string{"macvlam", "macvlax"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := runner(nil)
	r.PluginDirs = []string{dir}
	for mistyped, want := range map[string]string{"macvla": "did you mean macvlan?",
		"macvlax": "did you mean macvlan?"} {
		_, err := r.Resolve(mistyped, nil)
		if e := faultOf(t, err); !strings.HasSuffix(e.Msg, want) {
			t.Errorf("%s: %s", mistyped, e.Msg)
		}
	}
	_, err := r.Resolve("bandwidth", nil)
	if e := faultOf(t, err); strings.Contains(e.Msg, "mean") {
		t.Errorf("bandwidth: %s", e.Msg)
	}
}
