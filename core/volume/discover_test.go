package volume

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAddress(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"unix:///run/x.sock", "unix:///run/x.sock"}, {" unix:///run/x.sock\n", "unix:///run/x.sock"},
		{"tcp://h:1", "tcp://h:1"}, {"http://h", "http://h:80"}, {"http://h:8080/p?q", "http://h:8080"},
		{"https://h", "https://h:443"}, {"https://[::1]:2/docker/plugin", "https://[::1]:2"},
		{"HTTP://h:1", "http://h:1"},
		{"", ""}, {"x", ""}, {"unix://x", ""}, {"unix://", ""}, {"unix:///a\x00b", ""}, {"tcp://h", ""},
		{"tcp://:1", ""},
		{"tcp://h:0", ""}, {"tcp://h:65536", ""}, {"tcp://u:p@h:1", ""}, {"udp://h:1", ""},
		{"http://h:x", ""}, {"npipe:////x", ""},
	} {
		a, err := ParseAddress(test.text)
		got := ""
		if err == nil {
			got = a.String()
		}
		if got != test.want {
			t.Errorf("%q: %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}

// layout makes files, with their directories: sockets for "socket", else with the text.
func layout(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if text != "socket" {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		listener, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
	}
	return dir
}

func TestFindTakesTheFirstInDockersOrder(t *testing.T) {
	all := map[string]string{
		"a/p.sock": "socket", "a/p/p.sock": "socket", "b/p.sock": "socket",
		"a/p.spec": "tcp://spec:1", "a/p/p.spec": "tcp://spec:2", "a/p.json": `{"Addr":"tcp://json:1"}`,
		"a/p/p.json": `{"Addr":"tcp://json:2"}`, "b/p.spec": "tcp://spec:3",
	}
	order := []string{"a/p.sock", "a/p/p.sock", "b/p.sock", "a/p.spec", "a/p/p.spec", "a/p.json",
		"a/p/p.json", "b/p.spec"}
	dir := layout(t, all)
	for _, want := range order {
		found, err := find("p", []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")})
		if err != nil || found.File != filepath.Join(dir, want) || found.Name != "p" {
			t.Errorf("%+v, %v; want %s", found, err, want)
		}
		if err := os.Remove(filepath.Join(dir, want)); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := find("p", []string{filepath.Join(dir, "a"),
		filepath.Join(dir, "nowhere")}); err != errNoPlugin {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestDiscoverPassesOverWhatNamesNoPlugin(t *testing.T) {
	dir := layout(t, map[string]string{
		"good.sock": "socket", "file.sock": "no socket", "deep/deep.spec": "tcp://h:1",
		"empty/other.spec": "tcp://h:1",
		"README":           "", "p/README": "", "bad.spec": "h:1", "big.json": strings.Repeat(" ",
			maxFile+1),
		".spec": "tcp://h:1",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.spec"), 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(t.TempDir(), "loop") // a directory that is not empty, but cannot be listed
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	_, unlisted := Discover(Settings{Dirs: []string{loop, dir + "/absent"}})
	if name, file := BadFile(errors.Join(unlisted...)); len(unlisted) != 1 || name != "" ||
		file != loop {
		t.Errorf("of a directory that cannot be listed: %v", unlisted)
	}
	found, bad := Discover(Settings{Dirs: []string{dir}})
	var names, files []string
	for _, f := range found {
		names = append(names, f.Name)
	}
	for _, err := range bad {
		name, file := BadFile(err)
		files = append(files, name+" "+filepath.Base(file))
	}
	if diff := cmp.Diff([]string{"deep", "good"}, names); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"bad bad.spec", "big big.json", "pipe pipe.spec"},
		files); diff != "" {
		t.Errorf("bad files (-want +got):\n%s", diff)
	}
}

func FuzzFiles(f *testing.F) {
	for _, text := range []string{"", "{}", "null", `{"Addr":"tcp://h:1","TLSConfig":{"CAFile":"/x"}}`,
		"unix:///x", "tcp://[::1%eth0]:1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func([]byte) (Address, error){parseJSON, func(b []byte) (Address, error) {
			return ParseAddress(string(b))
		}} {
			a, err := parse(data)
			if err != nil {
				continue
			}
			again, err := ParseAddress(a.String())
			again.TLS = a.TLS
			if diff := cmp.Diff(a, again); err != nil || diff != "" {
				t.Errorf("%q: %s, %v", data, diff, err)
			}
		}
	})
}
