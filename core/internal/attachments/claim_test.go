package attachments_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
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
	write := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	for name, test := range map[string]struct {
		make  func(path string) error
		stays bool
	}{
		"of another cache":   {link("web\nc1\neth0\n" + other), true},
		"of a cache gone":    {link("web\nc1\neth0\n" + dir + "/gone"), false},
		"a short link":       {link("web\nc1\neth0"), false},
		"a relative cache":   {link("web\nc1\neth0\nother"), false},
		"a file":             {write(""), false},
		"half a claim":       {write("web\nc1\neth0\n" + other), false},
		"a file that is one": {write("web\nc1\neth0\n" + other + "\n"), true},
		"a FIFO":             {func(path string) error { return syscall.Mkfifo(path, 0o600) }, false},
		"a directory":        {func(path string) error { return os.Mkdir(path, 0o700) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := attachments.Open(filepath.Join(dir, "cache"), filepath.Join(dir, "run"))
			replaced := func() string {
				t.Helper()
				_, _, err := s.Claim(t.Context(), web("c1"))
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
			_, claimedBy, err := s.Claim(t.Context(), web("c1"))
			must.Succeed(t, err)
			if (claimedBy == other) != test.stays {
				t.Errorf("a claim is refused in favour of %q", claimedBy)
			}
			_ = os.Remove(path)
		})
	}
}

// Where no link can have the text of a claim, a file has it, with the same effect. Here the text is
// longer than a link may be.
func TestClaimWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	cache := func(name string) string {
		return filepath.Join(dir, name, strings.Repeat("x/", 2044-len(dir)/2))
	}
	run := filepath.Join(dir, "run")
	first, second := attachments.Open(cache("a"), run), attachments.Open(cache("b"), run)

	for _, want := range []bool{true, false} { // again, it is there
		made, other, err := first.Claim(t.Context(), web("c1"))
		if err != nil || made != want || other != "" {
			t.Fatalf("got %v, %q, %v", made, other, err)
		}
	}
	paths, err := filepath.Glob(filepath.Join(run, "claims/*"))
	must.Succeed(t, err)
	if len(paths) != 1 {
		t.Fatalf("claims %q", paths)
	}
	if info, err := os.Lstat(paths[0]); err != nil || !info.Mode().IsRegular() {
		t.Fatalf("got %v, %v, want a file", info, err)
	}

	_, other, err := second.Claim(t.Context(), web("c1")) // the first cache does not exist
	if err != nil || other != "" {
		t.Fatalf("got %q, %v", other, err)
	}
	text, err := os.ReadFile(paths[0])
	if want := "web\nc1\neth0\n" + filepath.Clean(cache("b")) + "\n"; string(text) != want {
		t.Errorf("got %.99q, %v", text, err)
	}
	must.Succeed(t, second.Unclaim(web("c1")))
	if left, err := os.ReadDir(filepath.Join(run, "claims")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// An attachment has one cache at a time, however often caches give it up and claim it again.
func TestOneCacheHasAClaim(t *testing.T) {
	const caches, claims = 8, 1000
	dir := t.TempDir()
	var having atomic.Int32
	var all sync.WaitGroup
	for i := range caches {
		cache := filepath.Join(dir, fmt.Sprint(i))
		must.Succeed(t, os.Mkdir(cache, 0o700))
		s := attachments.Open(cache, filepath.Join(dir, "run"))
		all.Go(func() {
			for range claims {
				claimOnce(t, s, &having)
			}
		})
	}
	all.Wait()
}

// A claim of a cache that is gone is taken by one of the caches that want it, however many do at
// the same moment, and whoever else removes it meanwhile.
func TestOneCacheTakesAClaim(t *testing.T) {
	const caches, rounds = 8, 1000
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	_, _, err := attachments.Open(dir, run).Claim(t.Context(), web("c1"))
	must.Succeed(t, err)
	paths, err := filepath.Glob(filepath.Join(run, "claims/*"))
	must.Succeed(t, err)
	must.Succeed(t, os.Remove(paths[0]))

	var stores []*attachments.Store
	for i := range caches {
		cache := filepath.Join(dir, fmt.Sprint(i))
		must.Succeed(t, os.Mkdir(cache, 0o700))
		stores = append(stores, attachments.Open(cache, run))
	}
	for range rounds {
		must.Succeed(t, os.Symlink("web\nc1\neth0\n"+dir+"/gone", paths[0]))
		var having atomic.Int32
		var all sync.WaitGroup
		start := make(chan struct{})
		for i, s := range stores {
			all.Go(func() {
				<-start
				if i == 0 { // as a DEL with a cache that has no such attachment
					must.Succeed(t, s.Unclaim(web("c1")))
				}
				if _, other, err := s.Claim(t.Context(), web("c1")); err != nil {
					t.Error(err)
				} else if other == "" {
					having.Add(1)
				}
			})
		}
		close(start)
		all.Wait()
		if n := having.Load(); n != 1 {
			t.Fatalf("%d caches have the attachment", n)
		}
		must.Succeed(t, os.Remove(paths[0]))
	}
}

// claimOnce has the attachment for a while unless another cache has it.
func claimOnce(t *testing.T, s *attachments.Store, having *atomic.Int32) {
	_, other, err := s.Claim(t.Context(), web("c1"))
	if err != nil || other != "" {
		if err != nil {
			t.Error(err)
		}
		return
	}

	if n := having.Add(1); n > 1 {
		t.Errorf("%d caches have the attachment", n)
	}
	for range 20 {
		if _, err := s.ClaimedBy(web("c1")); err != nil {
			t.Error(err)
		}
	}
	having.Add(-1)
	if err := s.Unclaim(web("c1")); err != nil {
		t.Error(err)
	}
}
