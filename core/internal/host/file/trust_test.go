package file_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/libcni/libcni/core/internal/host/file"
)

// Who may write to a directory, and whether it is then private or trusted.
func TestWritersOfADirectory(t *testing.T) {
	const another = 4711
	for _, test := range []struct {
		name             string
		user, group      int
		mode             fs.FileMode
		private, trusted string // of the error, "" for none
	}{
		{"the owner", 0, 0, 0o755, "", ""},
		{"the owner's private group", 0, 0, 0o775, "", ""},
		{"a group", 0, another, 0o770, "can be written by group 4711", ""},
		{"a group that only reads", 0, another, 0o750, "", ""},
		{"everyone", 0, 0, 0o757, "can be written by every user", "can be written by every user"},
		{"another owner", another, another, 0o700, "belongs to user 4711", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chown(dir, test.user, test.group); errors.Is(err, syscall.EINVAL) {
				t.Skip("this user namespace has no other user")
			} else if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, test.mode); err != nil {
				t.Fatal(err)
			}
			_, err := file.CheckPrivate(dir)
			wantUntrusted(t, "private", err, test.private)
			wantUntrusted(t, "trusted", file.CheckTrusted(dir), test.trusted)
		})
	}
}

func wantUntrusted(t *testing.T, check string, err error, reason string) {
	t.Helper()
	var untrusted *file.UntrustedError
	switch {
	case reason == "" && err == nil:
	case !errors.As(err, &untrusted) || reason == "" || !errors.Is(err, fs.ErrPermission) ||
		!strings.Contains(untrusted.Reason, reason):
		t.Errorf("%s: %v, want %q", check, err, reason)
	}
}
