package faults

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// directories are those that a host keeps state in, and the key or configuration that errors have
// to name.
var directories = map[string]string{"cache": "cacheDir", "state": "stateDir", "leases": "leases"}

// conditions spoil a directory that is a file system of its own.
var conditions = map[string]func(t testing.TB, dir string){
	"full": func(t testing.TB, dir string) {
		file, err := os.Create(filepath.Join(dir, "filler"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for block := make([]byte, 4096); err == nil; {
			_, err = file.Write(block)
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	},
	"out of inodes": func(t testing.TB, dir string) {
		var stat unix.Statfs_t
		if err := unix.Statfs(dir, &stat); err != nil {
			t.Fatal(err)
		}
		mount(t, dir, unix.MS_REMOUNT, "nr_inodes="+strconv.FormatUint(stat.Files-stat.Ffree, 10))
	},
	"read-only": func(t testing.TB, dir string) { mount(t, dir, unix.MS_REMOUNT|unix.MS_RDONLY, "") },
}

func mount(t testing.TB, dir string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", flags, data); err != nil {
		t.Fatalf("mount %s %s: %v; run with: go test -exec $PWD/test/isolate ./test/faults", dir, data,
			err)
	}
}

func TestSpoiledDirectories(t *testing.T) {
	for directory, named := range directories {
		for condition, spoil := range conditions {
			t.Run(directory+" "+condition, func(t *testing.T) {
				t.Parallel()
				h := newHost(t, command(t))
				h.spoiled(h.Path(directory), named, spoil, condition == "read-only")
			})
		}
	}
}

// spoiled has one attachment when the directory is spoilt. A second one must fail, and say why; the
// first can be detached; or, if it may stay, is not forgotten.
func (h *host) spoiled(dir, named string, spoil func(testing.TB, string), mayStay bool) {
	t := h.T
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mount(t, dir, 0, "size=256k,mode=755")
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	before := h.settled()
	h.must("add", h.attachment())
	one := h.state()
	spoil(t, dir)

	second := h.second()
	a := h.call("add", second)
	if a.RC == 0 || !strings.Contains(a.raw, named) || !slices.Contains(honest, a.Response.Kind) {
		t.Errorf("a second ADD: %v; want an error that names %s", a, named)
	}
	undone := a.Response.RolledBack == nil || *a.Response.RolledBack
	if more := left(one+dir[len(h.Dir)+1:]+"/filler\n", h.state()); undone && len(more) > 0 {
		t.Errorf("after it there is still %q", more)
	}
	if a := h.call("check", h.attachment()); a.RC != 0 && !slices.Contains(honest, a.Response.Kind) {
		t.Errorf("CHECK: %v", a)
	}
	if a := h.call("del", h.attachment()); a.RC != 0 {
		if !mayStay || !slices.Contains(honest, a.Response.Kind) || !strings.Contains(a.raw, named) {
			t.Errorf("DEL: %v; want success, or an error that names %s", a, named)
		}
		mount(t, dir, unix.MS_REMOUNT, "size=1m,nr_inodes=1000")
		if a := h.must("attachments",
			map[string]any{"containerId": "c1"}); len(a.Response.Attachments) != 1 {
			t.Errorf("a DEL that failed forgot the attachment: %v", a)
		}
		h.must("del", h.attachment())
	}
	if !undone {
		h.must("del", second)
	}
	if more := left(before+dir[len(h.Dir)+1:]+"/filler\n", h.state()); len(more) > 0 {
		t.Errorf("after DEL there is still %q", more)
	}
}

// damages are what may have happened to a file.
var damages = map[string]func(path string, data []byte) error{
	"empty":     func(path string, data []byte) error { return os.Truncate(path, 0) },
	"truncated": func(path string, data []byte) error { return os.Truncate(path, int64(len(data)/2)) },
	"foreign": func(path string, data []byte) error {
		return os.WriteFile(path, []byte("what?\x00\xff\n{}"), 0o644)
	},
	"a folder": func(path string, data []byte) error {
		return errors.Join(os.Remove(path), os.Mkdir(path, 0o755))
	},
}

func TestDamagedFiles(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, command(t))
			before := h.settled()
			h.must("add", h.attachment())
			var files []string
			for _, dir := range []string{"cache", "state", "leases"} {
				files = append(files, h.files(dir)...)
			}
			h.must("del", h.attachment())
			if len(files) < 8 {
				t.Fatalf("an attachment has few files: %q", files)
			}
			for _, file := range files {
				h.damaged(file, before, damage)
			}
		})
	}
}

// damaged has an attachment one of whose files is damaged.
func (h *host) damaged(file, before string, damage func(string, []byte) error) {
	t := h.T
	address := func(a answer) any {
		if len(a.Response.IPs) == 0 {
			return ""
		}
		return a.Response.IPs[0]["address"]
	}
	first := address(h.must("add", h.attachment()))
	if strings.HasPrefix(file, "leases/web/10.") { // another address each time
		file = "leases/web/" + strings.TrimSuffix(first.(string), "/24")
	}
	data, err := content(h.Path(file))
	if errors.Is(err, os.ErrNotExist) && strings.HasPrefix(file, "leases/web/fd") {
		h.must("del", h.attachment())
		return
	}
	if err == nil {
		err = damage(h.Path(file), data)
	}
	if err != nil {
		t.Fatal(err)
	}
	second := h.second()
	if a := h.call("add", second); a.RC == 0 && address(a) == first {
		t.Errorf("%s: %v was given twice", file, first)
	} else if a.RC != 0 && !slices.Contains(honest, a.Response.Kind) {
		t.Errorf("%s: ADD of another: %v", file, a)
	}
	for _, attachment := range []map[string]any{h.attachment(), second} {
		if a := h.call("del", attachment); a.RC != 0 {
			t.Logf("%s: DEL: %v", file, a)
			if !slices.Contains(honest, a.Response.Kind) || a.Response.Msg == "" {
				t.Errorf("%s: DEL: %v", file, a)
			}
		}
	}
	if err := os.RemoveAll(h.Path(file)); err != nil { // as an administrator would
		t.Fatal(err)
	}
	for _, attachment := range []map[string]any{h.attachment(), second} {
		if a := h.call("del", attachment); a.RC != 0 {
			t.Errorf("%s: DEL without it: %v", file, a)
		}
	}
	if more := left(before, h.state()); len(more) > 0 {
		t.Errorf("%s: there is still %q", file, more)
	}
}

// content reads a file. A symbolic link becomes a file with what it held, so that the damage is
// done in its place.
func content(path string) ([]byte, error) {
	target, err := os.Readlink(path)
	if err != nil {
		return os.ReadFile(path)
	}
	return []byte(target), errors.Join(os.Remove(path), os.WriteFile(path, []byte(target), 0o600))
}
