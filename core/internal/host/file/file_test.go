package file_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/must"
)

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must.Succeed(t, err)
	return string(data)
}

// inTime fails the test if the call blocks.
func inTime(t *testing.T, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("blocked for 10 seconds")
		return nil
	}
}

func TestNothingBlocksOnWhatIsNotARegularFile(t *testing.T) {
	dir := t.TempDir()
	fifo, read := filepath.Join(dir, "fifo"), filepath.Join(dir, "read")
	for _, path := range []string{fifo, read} {
		must.Succeed(t, unix.Mkfifo(path, 0o600))
	}
	reader, err := os.OpenFile(read, os.O_RDWR, 0) // so that writing to it would not be refused
	must.Succeed(t, err)
	defer reader.Close()

	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must.Succeed(t, err)
	defer unix.Close(socket)
	bound := filepath.Join(dir, "socket")
	must.Succeed(t, unix.Bind(socket, &unix.SockaddrUnix{Name: bound}))
	loop := filepath.Join(dir, "loop")
	must.Succeed(t, os.Symlink(loop, loop))

	for _, path := range []string{fifo, read, bound, dir, "/dev/zero", "/dev/null"} {
		for name, call := range map[string]func() error{
			"read":      func() error { _, err := file.Read(path, 100); return err },
			"open":      func() error { _, err := file.Open(path, file.ReadOnly, 0); return err },
			"overwrite": func() error { return file.Overwrite(path, []byte("text"), 0o600) },
		} {
			if err := inTime(t, call); !errors.Is(err, file.ErrIrregular) &&
				!(path == dir && errors.Is(err, unix.EISDIR)) {
				t.Errorf("%s %s: %v, want %v", name, path, err, file.ErrIrregular)
			}
		}
		if inTime(t, func() error {
			return map[bool]error{true: errors.ErrUnsupported}[file.Has(path, []byte("x"))]
		}) != nil {
			t.Errorf("%s has a content", path)
		}
	}
	if _, err := file.Open(loop, file.ReadOnly|file.NoFollow, 0); !errors.Is(err, file.ErrIrregular) {
		t.Errorf("a link: %v, want %v", err, file.ErrIrregular)
	}

	for _, path := range []string{fifo, bound} {
		if _, err := file.Directory(path); !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("directory %s: %v, want %v", path, err, unix.ENOTDIR)
		}
		must.Succeed(t, inTime(t, func() error { return file.Renew(path, []byte("new"), 0o600) }))
		if got := content(t, path); got != "new" {
			t.Errorf("%s holds %q", path, got)
		}
	}
}

func TestContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if _, err := file.Read(path, 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want %v", err, fs.ErrNotExist)
	}
	must.Succeed(t, file.Create(path, []byte("first text"), 0o640))
	if err := file.Create(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create again: %v, want %v", err, fs.ErrExist)
	}
	must.Succeed(t, file.Overwrite(path, []byte("short"), 0o600))
	if got := content(t, path); got != "short" {
		t.Errorf("overwritten, it holds %q", got)
	}
	must.Succeed(t, file.Overwrite(path, []byte("a longer one"), 0o600))
	got, err := file.Read(path, 12)
	if err != nil || string(got) != "a longer one" {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := file.Read(path, 11); !errors.Is(err, file.ErrTooLarge) {
		t.Errorf("a limit below its size: %v, want %v", err, file.ErrTooLarge)
	}
	for text, want := range map[string]bool{"a longer one": true, "a longer on": false,
		"a longer one!": false} {
		if file.Has(path, []byte(text)) != want {
			t.Errorf("it has %q: %v", text, !want)
		}
	}
	info, err := os.Stat(path)
	must.Succeed(t, err)
	if info.Mode() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
	for range 2 {
		must.Succeed(t, file.Remove(path))
	}
	if file.Has(path, nil) {
		t.Error("a file that was removed has a content")
	}
}

func TestFailedCreateLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=4k"); err != nil {
		t.Fatalf("a small file system: %v; run the test under test/isolate", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	path := filepath.Join(dir, "file")
	if err := file.Create(path, make([]byte, 1<<16), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("got %v, want %v", err, unix.ENOSPC)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file is left: %v", err)
	}
}

func TestReadAtAndWriteAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := file.Open(path, file.ReadWrite|file.CreateAny, 0o600)
	must.Succeed(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("text"), 4)
	must.Succeed(t, err)
	data := make([]byte, 6)
	if _, err := f.ReadAt(data, 2); err != nil || string(data) != "\x00\x00text" {
		t.Errorf("read %q, %v", data, err)
	}
	if _, err := f.ReadAt(data, 3); err == nil {
		t.Error("read beyond the end")
	}
}

func TestDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	calls := 0
	must.Succeed(t, file.InDirectory(filepath.Join(dir, "file"), func() error {
		calls++
		return file.Create(filepath.Join(dir, "file"), nil, 0o600)
	}))
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
	must.Succeed(t, os.Mkdir(filepath.Join(dir, "0"), 0o700))
	entries, err := file.Directory(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "0" || !entries[0].IsDir() ||
		entries[1].Name() != "file" {
		t.Errorf("entries %v, %v", entries, err)
	}
	var all []string
	must.Succeed(t,
		file.Names(dir, func(names []string) error { all = append(all, names...); return nil }))
	if slices.Sort(all); strings.Join(all, " ") != "0 file" {
		t.Errorf("names %q", all)
	}
	stop := errors.New("stop")
	if err := file.Names(dir, func([]string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
}

func TestInfo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must.Succeed(t, file.Create(path, []byte("text"), 0o600))
	at := time.Unix(1234567890, 123456789)
	must.Succeed(t, file.SetModified(path, at))
	info, err := file.Stat(path)
	must.Succeed(t, err)
	if !info.Modified.Equal(at) || info.Size != 4 || info.Inode == 0 ||
		time.Since(info.Changed) > time.Hour {
		t.Errorf("got %+v", info)
	}
	parent, err := file.Stat(filepath.Dir(path))
	must.Succeed(t, err)
	if !parent.IsDirectory() || info.IsDirectory() {
		t.Error("the file is the directory")
	}
	kind, err := file.FileSystem("/proc/self")
	if err != nil || kind != unix.PROC_SUPER_MAGIC {
		t.Errorf("/proc is on a file system of type %#x, %v", kind, err)
	}

	if _, err := file.Attribute(path, "user.none", 8); err == nil {
		t.Error("there is an attribute that nobody set")
	}
	if err := file.SetAttribute(path, "user.libcni.test", []byte("value")); errors.Is(err,
		unix.EOPNOTSUPP) {
		return // the file system has none
	} else if err != nil {
		t.Fatal(err)
	}
	if got, err := file.Attribute(path, "user.libcni.test", 8); err != nil || string(got) != "value" {
		t.Errorf("the attribute is %q, %v", got, err)
	}
}

func TestReadProc(t *testing.T) {
	got, err := file.ReadProc("/proc/sys/kernel/ostype", 64)
	if err != nil || string(got) != "Linux\n" {
		t.Errorf("got %q, %v", got, err)
	}
}
