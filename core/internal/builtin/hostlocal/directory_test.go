package hostlocal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// A link may lead to a file that somebody else can change, or that must not be read.
func TestLinkIsNoLease(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/29"}]]`)
	f.mustDel(t, "c1") // there is no store yet
	kittest.Must(t, os.MkdirAll(f.store(), dirMode))
	elsewhere := filepath.Join(t.TempDir(), "file")
	kittest.Must(t, os.WriteFile(elsewhere, []byte("c1\r\neth0"), 0o600))
	if err := os.Symlink(elsewhere, f.path("10.1.0.2")); err != nil {
		t.Fatal(err)
	}
	f.mustDel(t, "c1")
	if _, err := os.Lstat(f.path("10.1.0.2")); err != nil {
		t.Errorf("DEL took it for the container's lease: %v", err)
	}
	if got := f.mustAdd(t, "c1"); got != "10.1.0.3/29" {
		t.Errorf("given: %s", got)
	}
}

func TestDirectoryIsReplacedWhileItsLockIsAwaited(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/29"}]]`)
	f.mustAdd(t, "c1")
	lock, err := lockfile.Flock(t.Context(), f.path("lock"), lockMode, lockfile.Exclusive)
	kittest.Must(t, err)
	type outcome struct {
		given string
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		given, err := f.add("c2")
		done <- outcome{given, err}
	}()
	for deadline := time.Now().Add(time.Minute); opened(t,
		f.path("lock")) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody opens the lock")
		}
	}
	aside := f.store() + ".old"
	kittest.Must(t, os.Rename(f.store(), aside))
	if err := os.Mkdir(f.store(), dirMode); err != nil {
		t.Fatal(err)
	}
	kittest.Must(t, lock.Unlock())
	if o := <-done; o.err != nil || o.given != "10.1.0.2/29" {
		t.Errorf("in a new directory: %s, %v", o.given, o.err)
	}
	if got := f.leases(t); len(got) != 1 {
		t.Errorf("leases in the new directory: %q", got)
	}
	if _, err := os.Stat(f.path("lock")); err != nil {
		t.Errorf("the new directory was not locked: %v", err)
	}
	if _, err := os.Stat(filepath.Join(aside, "10.1.0.3")); err == nil {
		t.Error("there is a lease in the old directory")
	}
}

// opened counts the descriptors of this process that are open on a file.
func opened(t *testing.T, path string) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	kittest.Must(t, err)
	count := 0
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == path {
			count++
		}
	}
	return count
}
