package hostlocal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// indexFile returns the one index of the fixture.
func (f *fixture) indexFile(t testing.TB) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(f.stateDir, name, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("there are the index files %v, %v; want one", files, err)
	}
	return files[0]
}

// scansOf counts the scans during work.
func (f *fixture) scansOf(work func()) int {
	before := f.scans
	work()
	return f.scans - before
}

func TestNoScanWhileAlone(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/16"}],[{"subnet":"fd00::/64"}]]`)
	if n := f.scansOf(func() { f.mustAdd(t, "first") }); n != 1 {
		t.Errorf("the first ADD scanned %d times, want 1", n)
	}
	n := f.scansOf(func() {
		for i := range 150 { // the index grows
			f.mustAdd(t, fmt.Sprint("c", i))
		}
		for i := range 150 {
			inv := f.invocation(plugin.Check, fmt.Sprint("c", i))
			kittest.Must(t, f.Check(context.Background(), inv))
			f.mustDel(t, inv.ContainerID)
			f.mustDel(t, inv.ContainerID)
		}
		if _, err := f.add("first"); err == nil {
			t.Error("a second ADD was not refused")
		}
		if err := f.Status(context.Background(), f.invocation(plugin.Status, "")); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("%d scans while alone, want none", n)
	}
	if diff := cmp.Diff([]string{"10.1.0.2: first/eth0", "fd00::2: first/eth0"},
		f.leases(t)); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
}

// Every case happens at once after a change of ours: well within one tick of the kernel's clock.
func TestForeignChangeIsSeenAtOnce(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, f *fixture)
		scans  int
		want   string // what c2 gets
	}{
		{"none", func(*testing.T, *fixture) {}, 0, "10.1.0.3/24"},
		{
			"lease added",
			func(t *testing.T, f *fixture) { f.write(t, "10.1.0.3", "x\r\neth0") },
			1,
			"10.1.0.4/24",
		},
		{
			"lease added, name of another file",
			func(t *testing.T, f *fixture) { f.write(t, "10.1.0.9", "x\r\neth0") },
			1,
			"10.1.0.3/24",
		},
		{
			"address given",
			func(t *testing.T, f *fixture) { f.reserve(t, "10.1.0.9") },
			1,
			"10.1.0.10/24",
		},
		{"address given and released", func(t *testing.T, f *fixture) {
			f.reserve(t, "10.1.0.9")
			os.Remove(f.path("10.1.0.9"))
		}, 1, "10.1.0.10/24"},
		{
			"own lease removed",
			func(t *testing.T, f *fixture) { os.Remove(f.path("10.1.0.2")) },
			1,
			"10.1.0.3/24",
		},
		{"as many added as removed", func(t *testing.T, f *fixture) {
			os.Remove(f.path("10.1.0.2"))
			f.write(t, "10.1.0.3", "x\r\neth0")
		}, 1, "10.1.0.4/24"},
		{
			"renamed",
			func(t *testing.T, f *fixture) { _ = os.Rename(f.path("10.1.0.2"), f.path("10.1.0.3")) },
			1,
			"10.1.0.4/24",
		},
		{
			"directory made anew",
			func(t *testing.T, f *fixture) { os.RemoveAll(f.store()) },
			1,
			"10.1.0.2/24",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 8 {
				f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/24"}]]`)
				f.mustAdd(t, "c1")
				test.change(t, f)
				if n := f.scansOf(func() {
					if got := f.mustAdd(t, "c2"); got != test.want {
						t.Fatalf("c2 has %s, want %s", got, test.want)
					}
				}); n != test.scans {
					t.Fatalf("%d scans, want %d", n, test.scans)
				}
			}
		})
	}
}

func TestTwoStateDirectoriesOnOneStore(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/24"}]]`)
	states := []string{f.stateDir, t.TempDir()}
	seen := map[string]bool{}
	for i := range 40 {
		f.stateDir = states[i%2]
		got := f.mustAdd(t, fmt.Sprint("c", i))
		if seen[got] {
			t.Fatalf("%s was given twice", got)
		}
		seen[got] = true
	}
	for i := range 40 {
		f.stateDir = states[i/2%2]
		f.mustDel(t, fmt.Sprint("c", i))
	}
	if left := f.leases(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// headerSize is that of the index's file.
const headerSize = 148

func TestIndexThatCannotBeUsed(t *testing.T) {
	overwrite := func(content []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			kittest.Must(t, os.WriteFile(path, content, 0o600))
		}
	}
	edit := func(change func(content []byte) []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			content, err := os.ReadFile(path)
			kittest.Must(t, err)
			overwrite(change(content))(t, path)
		}
	}
	body := func(value byte) func(t *testing.T, path string) {
		return edit(func(content []byte) []byte {
			for i := headerSize; i < len(content); i++ {
				content[i] = value
			}
			return content
		})
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, path string)
	}{
		{"missing", func(t *testing.T, path string) { os.Remove(path) }},
		{"empty", overwrite(nil)},
		{
			"garbage",
			overwrite(
				[]byte(
					"garbage that is longer than a header is, so that all of it is looked at: " + string(
						make([]byte, 200),
					),
				),
			),
		},
		{"cut short", edit(func(content []byte) []byte { return content[:len(content)-100] })},
		{"longer", edit(func(content []byte) []byte { return append(content, 0) })},
		{
			"a bit of the header",
			edit(func(content []byte) []byte { content[20] ^= 1; return content }),
		},
		{"zeros after the header", body(0)},
		{"ones after the header", body(0xff)},
		{"slots moved", edit(func(content []byte) []byte {
			rotated := slices.Concat(content[headerSize+40:], content[headerSize:headerSize+40])
			return append(content[:headerSize], rotated...)
		})},
		{"a directory", func(t *testing.T, path string) {
			os.Remove(path)
			kittest.Must(t, os.Mkdir(path, 0o700))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/24"}]]`)
			f.mustAdd(t, "c1")
			f.mustAdd(t, "c2")
			test.damage(t, f.indexFile(t))
			if n := f.scansOf(func() { f.mustDel(t, "c1") }); n != 1 {
				t.Errorf("DEL scanned %d times, want 1", n)
			}
			if got := f.mustAdd(t, "c3"); got != "10.1.0.4/24" {
				t.Errorf("got %s", got)
			}
			if diff := cmp.Diff([]string{"10.1.0.3: c2/eth0", "10.1.0.4: c3/eth0"},
				f.leases(t)); diff != "" {
				t.Errorf("leases (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoStateDirectory(t *testing.T) {
	for _, dir := range []string{"", "/proc/no-such"} {
		f := newFixture(t, small)
		f.stateDir = dir
		f.mustAdd(t, "c1")
		f.mustAdd(t, "c2")
		f.mustDel(t, "c1")
		if diff := cmp.Diff([]string{"10.1.0.3: c2/eth0"}, f.leases(t)); diff != "" {
			t.Errorf("state directory %q: leases (-want +got):\n%s", dir, diff)
		}
	}
}

// FuzzLease reads address files of any content.
func FuzzLease(f *testing.F) {
	for _, seed := range []string{
		"", "c1\r\neth0", "c1", "c1\r\n", "\x00\x00", "\r\neth0", "c1\r\neth0\r\nboot",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		o, ok := parseOwner(content)
		if ok != (o.ContainerID != "") {
			t.Errorf("%q names %q, %t", content, o.ContainerID, ok)
		}
		again, _ := parseOwner([]byte(o.content()))
		if ok && again != o {
			t.Errorf("%q reads as %q, which is written as %q and reads as %q", content, o,
				o.content(), again)
		}
	})
}
