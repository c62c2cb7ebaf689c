package attachments_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/must"
)

// A call that was killed while it wrote its claim leaves some of it. A whole claim of another cache
// stays.
func TestRemovalTakesAClaimThatWasCutShort(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	must.Succeed(t, os.Mkdir(other, 0o700))
	s := attachments.Open(filepath.Join(dir, "cache"), filepath.Join(dir, "run"))
	whole := "web\nc1\neth0\n" + other + "\n"
	for size := range len(whole) + 1 {
		_, _, err := s.Claim(web("c1"))
		must.Succeed(t, err)
		paths, err := filepath.Glob(filepath.Join(dir, "run/claims/*"))
		must.Succeed(t, err)
		if len(paths) != 1 {
			t.Fatalf("claims %q", paths)
		}
		must.Succeed(t, os.WriteFile(paths[0], []byte(whole[:size]), 0o600))

		must.Succeed(t, s.Remove(web("c1")))
		_, err = os.Stat(paths[0])
		if stays := err == nil; stays != (size == len(whole)) {
			t.Errorf("%q stays: %v", whole[:size], stays)
		}
	}
}
