package hostlocal

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func TestIsLocal(t *testing.T) {
	for dir, want := range map[string]bool{
		t.TempDir(): true, "/dev/shm": true, "/proc": false, "/no/such": false,
	} {
		if got := localityOf(dir) == onlyHere; got != want {
			t.Errorf("%s is local: %t, want %t", dir, got, want)
		}
	}
}

// A store that other machines may use too is the one thing a machine alone cannot make, so it is
// said to be one.
func TestSharedFileSystemGoesWithoutMarksAndIndex(t *testing.T) {
	f := newFixture(t, small)
	f.bootID = "boot of another machine"
	f.mustAdd(t, "theirs")
	f.bootID = thisBoot
	s, err := f.open(f.invocation(plugin.Add, "ours"), f.dataDir)
	kittest.Must(t, err)
	kittest.Must(t, s.lockToCreate(context.Background()))
	s.local = perhapsElse
	addr, err := s.giveNext(context.Background(), mustSet(t, "10.1.0.0/29"), 0,
		owner{"ours", "eth0"})
	kittest.Must(t, err)
	s.unlock()
	if got := addr.String(); got != "10.1.0.3" {
		t.Errorf("got %s", got)
	}
	if diff := cmp.Diff([]string{"10.1.0.2: theirs/eth0", "10.1.0.3: ours/eth0"},
		f.leases(t)); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	if got := readMark(f.path("10.1.0.3")); got != "" {
		t.Errorf("the lease is marked %q", got)
	}
}

func mustSet(t *testing.T, subnet string) rangeSet {
	t.Helper()
	set, err := newRangeSet("k", []rawRange{{Subnet: subnet}})
	kittest.Must(t, err)
	return set
}

func TestStatusOfAStoreThatCannotBeUsed(t *testing.T) {
	f := newFixture(t, small)
	f.dataDir = "/proc/self/environ"
	err := f.Status(context.Background(), f.invocation(plugin.Status, ""))
	wantFault(t, err, fault.KindState, 50, f.dataDir, "not a directory")
}
