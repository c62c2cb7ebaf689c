package attachments_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/must"
)

// flips calls try with the text once for each byte, in which one bit is then flipped.
func flips(text []byte, try func(at int, flipped []byte)) {
	for at := range text {
		flipped := append([]byte(nil), text...)
		flipped[at] ^= 1 << (at % 8)
		try(at, flipped)
	}
}

// A damaged entry is either used, or reported with the attachment that it may have been. It never
// stands in the way of an attachment.
func TestFlippedBitOfAnEntryBlocksNothing(t *testing.T) {
	s, dir := newStore(t)
	must.Succeed(t, s.Commit(entry("c1")))
	must.Succeed(t, s.Commit(entry("c2")))
	path := filepath.Join(dir, "cache", "results", "web-c1-eth0")
	whole, err := os.ReadFile(path)
	must.Succeed(t, err)

	unusable := 0
	flips(whole, func(at int, flipped []byte) {
		must.Succeed(t, os.WriteFile(path, flipped, 0o600))
		entries, bad, err := s.ByContainer("c1", "")
		must.Succeed(t, err)
		if len(entries)+len(bad) != 1 {
			t.Fatalf("byte %d: %d entries and %d unusable files, want one", at, len(entries), len(bad))
		}
		_, err = s.Get(web("c1"))
		if damaged := attachments.Damage(err) != nil; damaged != (len(bad) == 1) {
			t.Fatalf("byte %d: Get says %v, the list %v", at, err, bad)
		}
		if len(bad) == 1 {
			unusable++
			if len(bad[0].Keys) != 1 || bad[0].Keys[0] != web("c1") || bad[0].File != path {
				t.Fatalf("byte %d: reported as %v", at, bad[0])
			}
		}
		if all, _ := list(t, s); len(all)+len(bad) != 2 {
			t.Fatalf("byte %d: %d attachments are listed", at, len(all))
		}
	})
	if unusable == 0 {
		t.Error("no flipped bit made the entry unusable")
	}

	flippedID := strings.Replace(string(whole), `"containerId":"c1"`, `"containerId":"c3"`, 1)
	must.Succeed(t, os.WriteFile(path, []byte(flippedID), 0o600))
	must.Succeed(t, s.WriteIntent(entry("c1")))
	must.Succeed(t, s.Commit(entry("c1")))
	must.Succeed(t, os.WriteFile(path, []byte(flippedID), 0o600))
	must.Succeed(t, s.Remove(web("c1")))
	must.Succeed(t, s.Remove(web("c2")))
	wantNothing(t, dir)
}

// An intent has no name that a person can read; what is wrong with it must still be attributed to
// its container, and to no other.
func TestUnusableIntentIsAttributed(t *testing.T) {
	s, dir := newStore(t)
	must.Succeed(t, s.WriteIntent(entry("c1")))
	path := onlyIntent(t, dir)
	whole, err := os.ReadFile(path)
	must.Succeed(t, err)

	check := func(what string, usable, torn bool) {
		t.Helper()
		for id, want := range map[string]bool{"c1": !usable && !torn, "c2": false} {
			_, bad, err := s.ByContainer(id, "")
			must.Succeed(t, err)
			if got := len(bad) == 1; got != want || want && !bad[0].MayConcern("web") ||
				want && bad[0].MayConcern("db") {
				t.Errorf("%s: %v is reported for %s: %v, want %v", what, bad, id, got, want)
			}
		}
	}
	check("whole", true, false)
	must.Succeed(t, os.WriteFile(path, whole[:len(whole)/2], 0o600))
	check("torn", false, true)
	must.Succeed(t, os.WriteFile(path, []byte("garbage"), 0o600))
	check("garbage", false, false)
	must.Succeed(t, os.Remove(path))
	must.Succeed(t, syscall.Mkfifo(path, 0o600))
	check("FIFO", false, false)

	_, bad, err := s.ByContainer("c1", "")
	must.Succeed(t, err)
	must.Succeed(t, s.Discard(bad[0]))
	must.Succeed(t, s.WriteIntent(entry("c1")))
	if err := s.Discard(bad[0]); err == nil {
		t.Error("a new intent was removed as an unusable one")
	}
}

// Version 0.1 named intents otherwise.
func TestIntentOfTheFormerNameIsFound(t *testing.T) {
	s, dir := newStore(t)
	must.Succeed(t, s.WriteIntent(entry("c1")))
	path := onlyIntent(t, dir)
	parts := strings.Split(filepath.Base(path), "-")
	must.Succeed(t, os.Rename(path, filepath.Join(filepath.Dir(path), parts[0]+"-"+parts[2])))
	if found, err := byContainer(s, "c1", ""); err != nil || len(found) != 1 || !found[0].Incomplete {
		t.Errorf("by container: %v, %v", found, err)
	}
	h := hold(t, s, web("c1"))
	e, err := h.Get()
	if err != nil || !e.Incomplete {
		t.Errorf("get: %v, %v", e, err)
	}
	must.Succeed(t, h.Remove())
	wantNothing(t, dir)
}

// Whatever has the name of a file of ours is not followed, and gives way.
func TestOddFilesGiveWay(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for name, make := range map[string]func(path string) error{
		"link":      func(path string) error { return os.Symlink(outside, path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"device":    makeDevice,
	} {
		t.Run(name, func(t *testing.T) {
			content := []byte("not ours")
			must.Succeed(t, os.WriteFile(outside, content, 0o600))
			s, dir := newStore(t)
			must.Succeed(t, s.WriteIntent(entry("c1")))
			intent := onlyIntent(t, dir)
			must.Succeed(t, s.Commit(entry("c1")))
			must.Succeed(t, s.Remove(web("c1")))
			temporary := filepath.Base(intent) + ".tmp"
			for _, path := range []string{intent, intent + ".tmp",
				filepath.Join(dir, "cache", "libcni", temporary),
				filepath.Join(dir, "cache", "results", "web-c1-eth0")} {
				err := make(path)
				if name == "device" && errors.Is(err, syscall.EPERM) {
					t.Skip("a user namespace makes no devices: the test needs root")
				}
				must.Succeed(t, err)
			}
			wantNone(t, s, web("c1"))
			must.Succeed(t, s.WriteIntent(entry("c1")))
			must.Succeed(t, s.Commit(entry("c1")))
			if _, err := s.Get(web("c1")); err != nil {
				t.Errorf("after a commit: %v", err)
			}
			must.Succeed(t, s.Remove(web("c1")))
			wantNothing(t, dir)
			if got, err := os.ReadFile(outside); err != nil || string(got) != string(content) {
				t.Errorf("the file outside holds %q, %v", got, err)
			}
		})
	}
}

func TestStateThatOthersCanChangeIsRefused(t *testing.T) {
	for _, name := range []string{"cache", "cache/results", "cache/libcni", "state", "state/intents"} {
		option := "options." + strings.Split(name, "/")[0] + "Dir"
		for what, test := range map[string]struct {
			spoil func(path string) error
			safe  bool
		}{
			"another's":                 {owned(4711, 0, 0o700), false},
			"writable for all":          {owned(0, 0, 0o777), false},
			"writable for all, sticky":  {owned(0, 0, 0o777|os.ModeSticky), false},
			"writable for a group":      {owned(0, 4711, 0o775), false},
			"writable for root's group": {owned(0, 0, 0o775), true},
			"readable":                  {owned(0, 0, 0o755), true},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				first, dir := newStore(t)
				must.Succeed(t, first.WriteIntent(entry("c1")))
				must.Succeed(t, first.Commit(entry("c1")))
				err := test.spoil(filepath.Join(dir, name))
				if errors.Is(err, syscall.EINVAL) {
					t.Skip("this user namespace has no other user: the test needs root")
				}
				must.Succeed(t, err)
				s := storeIn(dir)
				_, getErr := s.Get(web("c1"))
				_, _, listErr := s.List()
				_, _, containerErr := s.ByContainer("c1", "")
				held, lockErr := s.Lock(t.Context(), web("c1"))
				held.Unlock()
				network, networkErr := s.LockNetwork(t.Context(), "web")
				network.Unlock()
				for verb, err := range map[string]error{"get": getErr, "list": listErr,
					"by container": containerErr, "lock": lockErr, "lock network": networkErr} {
					if test.safe {
						must.Succeed(t, err)
						continue
					}
					e := wantFault(t, err, fault.KindState, syscall.EACCES)
					if !strings.Contains(e.Msg, option) || !strings.Contains(e.Msg, filepath.Join(dir, name)) {
						t.Errorf("%s: %q; want option and path named", verb, e.Msg)
					}
				}
			})
		}
	}
}

func owned(user, group int, mode os.FileMode) func(path string) error {
	return func(path string) error {
		if err := os.Chown(path, user, group); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	}
}

// makeDevice makes a node of the null device.
func makeDevice(path string) error { return syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|3) }
