package attachments_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/must"
)

// Whatever else has the name of a claim goes with its attachment, and gives way to a claim. The
// claim of another cache stays.
func TestWhatIsNoClaimGivesWay(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	must.Succeed(t, os.Mkdir(other, 0o700))
	link := func(text string) func(string) error {
		return func(path string) error { return os.Symlink(text, path) }
	}
	for name, test := range map[string]struct {
		make  func(path string) error
		stays bool
	}{
		"of another cache": {link("web\nc1\neth0\n" + other), true},
		"of a cache gone":  {link("web\nc1\neth0\n" + dir + "/gone"), false},
		"a short link":     {link("web\nc1\neth0"), false},
		"a relative cache": {link("web\nc1\neth0\nother"), false},
		"a file":           {func(path string) error { return os.WriteFile(path, nil, 0o600) }, false},
		"a FIFO":           {func(path string) error { return syscall.Mkfifo(path, 0o600) }, false},
		"a directory":      {func(path string) error { return os.Mkdir(path, 0o700) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := attachments.Open(filepath.Join(dir, "cache"), filepath.Join(dir, "run"))
			replaced := func() string {
				t.Helper()
				_, _, err := s.Claim(web("c1"))
				must.Succeed(t, err)
				paths, err := filepath.Glob(filepath.Join(dir, "run/claims/*"))
				must.Succeed(t, err)
				if len(paths) != 1 {
					t.Fatalf("claims %q", paths)
				}
				must.Succeed(t, os.Remove(paths[0]))
				must.Succeed(t, test.make(paths[0]))
				return paths[0]
			}

			path := replaced()
			must.Succeed(t, s.Remove(web("c1")))
			if _, err := os.Lstat(path); (err == nil) != test.stays {
				t.Errorf("stays: %v", err == nil)
			}
			_ = os.Remove(path)

			replaced()
			_, claimedBy, err := s.Claim(web("c1"))
			must.Succeed(t, err)
			if (claimedBy == other) != test.stays {
				t.Errorf("a claim is refused in favour of %q", claimedBy)
			}
			_ = os.Remove(path)
		})
	}
}
