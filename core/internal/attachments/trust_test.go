package attachments_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/must"
)

// A process that has trusted its directories does not look at all of them for each call, but
// notices what another user could have done since.
func TestAMemoryOfTrustEndsWithAChange(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"the cache is opened to others": func(dir string) error {
			return os.Chmod(filepath.Join(dir, "cache"), 0o777)
		},
		"the cache becomes another's": func(dir string) error {
			return os.Chown(filepath.Join(dir, "cache"), 4711, 0)
		},
		"the state is opened to others": func(dir string) error {
			return os.Chmod(filepath.Join(dir, "state"), 0o722)
		},
		"the cache is replaced":    replaced("cache"),
		"results are replaced":     replaced("cache/results"),
		"the claims are replaced":  replaced("state/claims"),
		"the intents are replaced": replaced("state/intents"),
	} {
		t.Run(name, func(t *testing.T) {
			var memory attachments.Memory
			dir := t.TempDir()
			open := func() *attachments.Store {
				return memory.Open(filepath.Join(dir, "cache"), filepath.Join(dir, "state"))
			}
			first := open()
			_, _, err := first.Claim(t.Context(), web("c1"))
			must.Succeed(t, err)
			must.Succeed(t, first.WriteIntent(entry("c1")))
			must.Succeed(t, first.Commit(entry("c1")))
			for range 2 {
				_, err = open().Get(web("c1"))
				must.Succeed(t, err)
			}

			err = spoil(dir)
			if errors.Is(err, syscall.EINVAL) {
				t.Skip("this user namespace has no other user: the test needs root")
			}
			must.Succeed(t, err)
			_, err = open().Get(web("c1"))
			wantFault(t, err, fault.KindState, syscall.EACCES)
		})
	}
}

// replaced puts a directory that everybody can write in the place of one.
func replaced(name string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, name)
		return errors.Join(os.Rename(path, path+".old"), os.Mkdir(path, 0o700),
			os.Chmod(path, 0o777))
	}
}

// A file that another user could have written is not a record, whatever its directory.
func TestARecordThatOthersCanWriteIsNone(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"another's":            owned(4711, 0, 0o600),
		"writable for all":     owned(0, 0, 0o666),
		"writable for a group": owned(0, 4711, 0o660),
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStore(t)
			must.Succeed(t, s.WriteIntent(entry("c1")))
			must.Succeed(t, s.Commit(entry("c1")))
			path := filepath.Join(dir, "cache/results/web-c1-eth0")
			err := spoil(path)
			if errors.Is(err, syscall.EINVAL) {
				t.Skip("this user namespace has no other user: the test needs root")
			}
			must.Succeed(t, err)

			_, err = s.Get(web("c1"))
			damage := attachments.Damage(err)
			if !errors.Is(err, fs.ErrNotExist) || damage == nil ||
				!strings.Contains(damage.Error(), path) {
				t.Errorf("got %v, damage %v", err, damage)
			}
			_, unusable, err := s.List()
			must.Succeed(t, err)
			if len(unusable) != 1 {
				t.Errorf("listed %v", unusable)
			}
		})
	}
}
