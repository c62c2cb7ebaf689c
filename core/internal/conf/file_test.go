package conf

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/must"
)

// tree writes files below a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func wantFault(t *testing.T, err error, kind fault.Kind, want ...string) *fault.Error {
	t.Helper()
	var got *fault.Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want a *fault.Error", err)
	}
	for _, part := range want {
		if got.Kind != kind || !strings.Contains(got.Msg, part) {
			t.Errorf("got  %s: %s\nwant %s: %s", got.Kind, got.Msg, kind, part)
		}
	}
	return got
}

func network(name string) string { return `{"name":"` + name + `","plugins":[{"type":"bridge"}]}` }

func TestParseFileReadsDropIns(t *testing.T) {
	dropIns := map[string]string{
		"web/20-b.conf":     `{"type":"second","x":18446744073709551615}`,
		"web/10-a.conf":     "\n{ \"type\":\"first\" }\n",
		"web/30.json":       `{"type":"not"}`,
		"web/40.conflist":   network("not"),
		"web/sub/50.conf":   `{"type":"not"}`,
		"web/60.conf/.keep": "",
		"other/10.conf":     `{"type":"not"}`,
	}
	tests := []struct{ name, file, text, want, wantRaw string }{
		{"after the list's own", "x.conflist", `{"a":1,"name":"web","plugins":[{"type":"own"}],"b":2}`,
			"web 0.2.0 own first second",
			`{"a":1,"name":"web","plugins":[{"type":"own"},{ "type":"first" },{"type":"second","x":18446744073709551615}],"b":2}`},
		{"alone", "x.conflist", `{"name":"web"}`, "web 0.2.0 first second",
			`{"name":"web","plugins":[{ "type":"first" },{"type":"second","x":18446744073709551615}]}`},
		{"not if only inlined", "x.conflist",
			`{"name":"web","loadOnlyInlinedPlugins":true,"plugins":[{"type":"own"}]}`, "web 0.2.0 own",
			`{"name":"web","loadOnlyInlinedPlugins":true,"plugins":[{"type":"own"}]}`},
		{"not for another network", "x.conflist", `{"name":"db","plugins":[{"type":"own"}]}`,
			"db 0.2.0 own", `{"name":"db","plugins":[{"type":"own"}]}`},
		{"not for a single plugin", "x.conf", `{"name":"web","type":"own"}`, "web 0.2.0 own",
			`{"name":"web","plugins":[{"name":"web","type":"own"}]}`},
		{"for a list in a file of another ending", "x.conf", `{"name":"web","plugins":[{"type":"own"}]}`,
			"web 0.2.0 own first second",
			`{"name":"web","plugins":[{"type":"own"},{ "type":"first" },{"type":"second","x":18446744073709551615}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := tree(t, dropIns)
			path := filepath.Join(dir, test.file)
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			list, err := ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, describe(list)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.wantRaw, string(list.Raw)); diff != "" {
				t.Errorf("Raw (-want +got)\n%s", diff)
			}
			if list.File != path {
				t.Errorf("File is %s", list.File)
			}
			if diff := cmp.Diff(test.want, describe(mustParse(t, string(list.Raw)))); diff != "" {
				t.Errorf("from Raw (-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseFileRefuses(t *testing.T) {
	dir := tree(t, map[string]string{
		"empty.conflist": "", "broken.conf": "{",
		"key.conflist":    `{"name":"web","plugins":[{"type":"a/b"}]}`,
		"single.conflist": `{"name":"single","type":"bridge"}`, "none.conflist": `{"name":"none"}`,
		"dropin.conflist": network("dropin"), "dropin/10.conf": `{"type":"x"}`,
		"dropin/20.conf":      `{"ipam":{}}`,
		"dropsyntax.conflist": network("dropsyntax"), "dropsyntax/10.conf": `{"type":`,
		"file.conflist": network("file"), "file": "a file in place of the drop-in directory is ignored",
		"directory.conf/.keep": "",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		file string
		kind fault.Kind
		key  string
		want string
	}{
		{"empty.conflist", fault.KindInvalidConfig, "", "empty.conflist: it is empty"},
		{"broken.conf", fault.KindInvalidConfig, "", "broken.conf: not valid JSON: it ends too early"},
		{"key.conflist", fault.KindInvalidConfig, "plugins[0].type",
			`key.conflist: plugins[0].type: "a/b" is not a plugin name`},
		{"single.conflist", fault.KindInvalidConfig, "plugins", "must be in a file named *.conf"},
		{"none.conflist", fault.KindInvalidConfig, "plugins", "plugins: missing"},
		{"dropin.conflist", fault.KindInvalidConfig, "type", "dropin/20.conf: type: missing"},
		{"dropsyntax.conflist", fault.KindInvalidConfig, "", "dropsyntax/10.conf: not valid JSON"},
		{"pipe.conf", fault.KindInvalidConfig, "", "not a regular file"},
		{"directory.conf", fault.KindInvalidConfig, "", "not a regular file"},
		{"absent.conflist", fault.KindNetworkNotFound, "",
			"absent.conflist: no such network configuration file"},
		{"single.conflist/x", fault.KindState, "",
			"single.conflist/x: cannot read the file: not a directory"},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			_, err := ParseFile(filepath.Join(dir, test.file))
			if got := wantFault(t, err, test.kind, test.want); got.Details != test.key {
				t.Errorf("key is %q, want %q", got.Details, test.key)
			}
		})
	}
	if _, err := ParseFile(filepath.Join(dir, "file.conflist")); err != nil {
		t.Error(err)
	}
}

func TestParseFileRefusesSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.conflist")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Truncate(1<<40), file.Close()); err != nil { // sparse
		t.Fatal(err)
	}
	_, err = ParseFile(path)
	wantFault(t, err, fault.KindInvalidConfig, "16 MiB are allowed")
}

func TestFind(t *testing.T) {
	dir := tree(t, map[string]string{
		"20-web.conflist": `{"name":"web","plugins":[{"type":"second"}]}`,
		"10-web.conflist": `{"name":"web","plugins":[{"type":"first"}]}`,
		"05-bad.conflist": `{"name":"bad","plugins":[{}]}`,
		"00-junk.conf":    `not JSON`,
		"05-web.conf":     `{"name":"web","type":"single"}`,
		"30-old.conf":     `{"name":"old","type":"conf"}`,
		"40-old.json":     `{"name":"old","type":"json"}`,
		"50-json.json":    `{"name":"json","type":"json"}`,
		"60-mend.conf":    `{"name":"bad2","cniVersion":"9.0.0","type":"broken"}`,
		"70-mend.conf":    `{"name":"bad2","type":"mended"}`,
		"ignored.txt":     `{"name":"text","type":"x"}`,
		"web.conflist~":   `{"name":"web","type":"x"}`,
		"sub/10.conflist": network("sub"),
	})
	tests := []struct{ name, want, file string }{
		{"web", "web 0.2.0 first", "10-web.conflist"},
		{"old", "old 0.2.0 conf", "30-old.conf"},
		{"json", "json 0.2.0 json", "50-json.json"},
		{"bad2", "bad2 0.2.0 mended", "70-mend.conf"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list, err := Find(dir, test.name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.want, filepath.Join(dir, test.file)},
				[]string{describe(list), list.File}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	t.Run("the network's own file is bad", func(t *testing.T) {
		_, err := Find(dir, "bad")
		if got := wantFault(t, err, fault.KindInvalidConfig,
			"05-bad.conflist: plugins[0].type: missing"); got.Network != "bad" {
			t.Errorf("network is %q", got.Network)
		}
	})
	t.Run("absent", func(t *testing.T) {
		_, err := Find(dir, "text")
		got := wantFault(t, err, fault.KindNetworkNotFound,
			"network text: not found in "+dir+"; there are: bad2, json, old, web",
			"05-bad.conflist: plugins[0].type: missing", "00-junk.conf: not valid JSON",
			`60-mend.conf: cniVersion: 9.0.0 is not supported`)
		if got.Network != "text" || got.Return() != -int(syscall.ENOENT) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestFindNamesTenNetworksAtMost(t *testing.T) {
	files := map[string]string{}
	for i := range 12 {
		files[strconv.Itoa(i)+".conflist"] = network("n" + string(rune('a'+i)))
	}
	_, err := Find(tree(t, files), "web")
	wantFault(t, err, fault.KindNetworkNotFound,
		"there are na, nb, nc, nd, ne, nf, ng, nh, ni, nj and 2 more")
}

func TestFindWithoutNetworks(t *testing.T) {
	dir := t.TempDir()
	_, err := Find(dir, "web")
	wantFault(t, err, fault.KindNetworkNotFound,
		"network web: not found in "+dir+"; there are no networks")
	_, err = Find(dir+"/absent", "web")
	wantFault(t, err, fault.KindNetworkNotFound,
		"network web: the configuration directory "+dir+"/absent does not exist")
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Find(dir+"/file", "web")
	wantFault(t, err, fault.KindState, "network web: the configuration directory cannot be used")
}

func TestScan(t *testing.T) {
	dir := tree(t, map[string]string{
		"20-web.conflist": network("web"),
		"10-db.conflist":  network("db"),
		"15-bad.conflist": `{"name":"bad"}`,
		"10-one.json":     `{"name":"one","type":"x"}`,
		"05-web.conf":     `{"name":"web","type":"x"}`,
		"30.conf":         `{`,
	})
	if err := os.Symlink("nowhere", filepath.Join(dir, "40.conf")); err != nil {
		t.Fatal(err)
	}
	lists, bad, err := Scan(dir)
	must.Succeed(t, err)
	var got []string
	for _, list := range lists {
		got = append(got, filepath.Base(list.File)+": "+describe(list))
	}
	if diff := cmp.Diff([]string{"10-db.conflist: db 0.2.0 bridge",
		"20-web.conflist: web 0.2.0 bridge", "10-one.json: one 0.2.0 x"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	want := []FileError{
		{at("15-bad.conflist"), "plugins: missing; give at least one"},
		{at("05-web.conf"), "ignored: network web is defined in " + at("20-web.conflist")},
		{at("30.conf"), "not valid JSON: it ends too early"},
		{at("40.conf"), "no such network configuration file"},
	}
	if diff := cmp.Diff(want, bad); diff != "" {
		t.Errorf("errors (-want +got)\n%s", diff)
	}
	if lists, bad, err := Scan(dir + "/absent"); err != nil || len(lists) != 0 || len(bad) != 1 ||
		!strings.Contains(bad[0].Msg, "does not exist") {
		t.Errorf("absent directory: %v, %v", lists, bad)
	}
}

// Whoever can change a configuration chooses what runs as the caller.
func TestConfigurationThatEveryUserCanWriteIsRefused(t *testing.T) {
	dir := tree(t, map[string]string{"web.conflist": network("web"), "web/10.conf": `{"type":"x"}`})
	path := filepath.Join(dir, "web.conflist")
	for _, name := range []string{"web.conflist", "web", "web/10.conf", "."} {
		at := filepath.Join(dir, name)
		info, err := os.Stat(at)
		must.Succeed(t, err)
		must.Succeed(t, os.Chmod(at, 0o777))
		if name != "." {
			_, err = ParseFile(path)
			wantFault(t, err, fault.KindState, at+" can be written by every user (mode 0777)")
		}
		if _, err = Find(dir, "web"); err == nil {
			t.Errorf("%s: the network was found", at)
		}
		must.Succeed(t, os.Chmod(at, info.Mode()))
		_, err = Find(dir, "web")
		must.Succeed(t, err)
	}
}
