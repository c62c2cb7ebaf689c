package file_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/core/internal/host/file"
)

func TestRenameNewNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, content := range []string{"first", "second"} {
		if err := os.WriteFile(from, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := file.RenameNew(from, to)
		if content == "first" && err != nil || content == "second" && !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", content, err)
		}
	}
	for path, want := range map[string]string{from: "second", to: "first"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
		}
	}
	if err := file.RenameNew(from, filepath.Join(dir, "none", "to")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v, want %v", err, fs.ErrNotExist)
	}
}

// sysfs takes no flags of a rename, and renames nothing.
func TestFileSystemThatCannotSaysSo(t *testing.T) {
	err := file.RenameNew("/sys/kernel/uevent_seqnum", "/sys/kernel/other")
	if errors.Is(err, fs.ErrPermission) {
		t.Skip("sysfs is another user's: the test needs root outside of user namespaces")
	}
	if !errors.Is(err, file.ErrUnsupported) {
		t.Errorf("got %v, want %v", err, file.ErrUnsupported)
	}
}
