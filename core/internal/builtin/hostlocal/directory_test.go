package hostlocal

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
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
	aside, given, err := f.addWhileReplaced(t, dirMode)
	if err != nil || given != "10.1.0.2/29" {
		t.Errorf("in a new directory: %s, %v", given, err)
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

func TestDirectoryOfOthersReplacesTheStoreWhileItsLockIsAwaited(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/29"}]]`)
	_, _, err := f.addWhileReplaced(t, 0o777)
	wantFault(t, err, fault.KindState, 5, f.store()+" ")
}

// addWhileReplaced adds a container while the store's lock is held, puts a new directory of this
// mode in the store's place, and releases the lock. aside is the old directory.
func (f *fixture) addWhileReplaced(t *testing.T, mode os.FileMode) (aside, given string,
	err error) {
	t.Helper()
	f.mustAdd(t, "c1")
	lock, err := lockfile.Flock(t.Context(), f.path("lock"), lockMode, lockfile.Exclusive)
	kittest.Must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		given, err = f.add("c2")
	}()
	for deadline := time.Now().Add(time.Minute); opened(t,
		f.path("lock")) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody opens the lock")
		}
	}

	aside = f.store() + ".old"
	kittest.Must(t, os.Rename(f.store(), aside))
	kittest.Must(t, os.Mkdir(f.store(), mode))
	kittest.Must(t, os.Chmod(f.store(), mode))
	kittest.Must(t, lock.Unlock())
	<-done
	return aside, given, err
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

func TestStoreThatOthersCanChangeIsRefused(t *testing.T) {
	f := newFixture(t, small)
	f.mustAdd(t, "c1")
	for _, dir := range []string{f.dataDir, f.store()} {
		for name, spoil := range map[string]func() error{
			"writable":  func() error { return os.Chmod(dir, 0o777) },
			"another's": func() error { return os.Chown(dir, 4711, 4711) },
		} {
			if err := spoil(); errors.Is(err, syscall.EINVAL) {
				t.Logf("%s: this user namespace has no other user", name)
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			_, addErr := f.add("c2")
			delErr := f.Del(t.Context(), f.invocation(plugin.Del, "c1"))
			for _, err := range []error{addErr, delErr} {
				wantFault(t, err, fault.KindState, 5, dir+" ")
			}
			kittest.Must(t, os.Chmod(dir, 0o755))
			kittest.Must(t, os.Chown(dir, 0, 0))
		}
	}
	f.mustDel(t, "c1")
}

// A link in place of a file leads nowhere, and nothing is written through it.
func TestNothingIsWrittenThroughALink(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for _, name := range []string{"lock", "last_reserved_ip.0"} {
		kittest.Must(t, os.WriteFile(outside, []byte("as it was"), 0o600))
		f := newFixture(t, small)
		f.mustAdd(t, "c1")
		kittest.Must(t, os.Remove(f.path(name)))
		kittest.Must(t, os.Symlink(outside, f.path(name)))
		_, err := f.add("c2")
		if name == "lock" {
			wantFault(t, err, fault.KindState, 5, f.path(name), "not a regular file")
		} else {
			kittest.Must(t, err)
		}
		if got, err := os.ReadFile(outside); err != nil || string(got) != "as it was" {
			t.Errorf("%s: the file outside holds %q, %v", name, got, err)
		}
	}
}
