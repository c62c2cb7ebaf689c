package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

const small = `"ranges":[[{"subnet":"10.1.0.0/29"}]]` // .2 to .6

func TestAddGoesRoundAndDelReleases(t *testing.T) {
	f := newFixture(t, small)
	var got []string
	for i := range 3 {
		got = append(got, f.mustAdd(t, fmt.Sprintf("c%d", i)))
	}
	f.mustDel(t, "c0")
	for i := 3; i < 6; i++ {
		got = append(got, f.mustAdd(t, fmt.Sprintf("c%d", i)))
	}
	want := []string{"10.1.0.2/29", "10.1.0.3/29", "10.1.0.4/29", "10.1.0.5/29", "10.1.0.6/29",
		"10.1.0.2/29"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	want = []string{"10.1.0.2: c5/eth0", "10.1.0.3: c1/eth0", "10.1.0.4: c2/eth0",
		"10.1.0.5: c3/eth0", "10.1.0.6: c4/eth0"}
	if diff := cmp.Diff(want, f.leases(t)); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	if last, _ := os.ReadFile(f.path("last_reserved_ip.0")); string(last) != "10.1.0.2" {
		t.Errorf("last_reserved_ip.0 holds %q, want 10.1.0.2", last)
	}
	for file, want := range map[string]fs.FileMode{
		".": fs.ModeDir | 0o755, "lock": 0o750, "10.1.0.2": 0o600, "last_reserved_ip.0": 0o600,
	} {
		info, err := os.Stat(f.path(file))
		kittest.Must(t, err)
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", file, info.Mode(), want)
		}
	}
}

func TestFullRangeIsAnErrorThatHelps(t *testing.T) {
	f := newFixture(t, small)
	for i := range 5 {
		f.mustAdd(t, fmt.Sprintf("c%d", i))
	}
	_, err := f.add("one-more")
	wantFault(t, err, fault.KindPluginFailed, 999, "network web",
		"no IP addresses available in range set: 10.1.0.1-10.1.0.6", "5 in use", "GC", f.store())
	err = f.Status(context.Background(), f.invocation(plugin.Status, ""))
	wantFault(t, err, fault.KindPluginFailed, 50, "no IP addresses available")
	f.mustDel(t, "c3")
	if err := f.Status(context.Background(), f.invocation(plugin.Status, "")); err != nil {
		t.Errorf("STATUS with an address free: %v", err)
	}
	if got := f.mustAdd(t, "one-more"); got != "10.1.0.5/29" {
		t.Errorf("the released address is not found: got %s", got)
	}
}

func TestSecondAddIsRefused(t *testing.T) {
	for _, test := range []struct{ name, content string }{
		{"own lease", "c1\r\neth0"},
		{"lease of an old version", "c1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, small)
			f.write(t, "10.1.0.4", test.content)
			_, err := f.add("c1")
			wantFault(t, err, fault.KindPluginFailed, 999,
				"10.1.0.4 has been allocated to container c1",
				"duplicate allocation is not allowed")
			f.config += `,"x":1}, "runtimeConfig":{"ips":["10.1.0.4"]`
			_, err = f.add("c1")
			wantFault(t, err, fault.KindPluginFailed, 999,
				"10.1.0.4 has been allocated to container c1",
				"duplicate allocation is not allowed")
			_, err = f.add("c2")
			wantFault(t, err, fault.KindPluginFailed, 999,
				"requested IP address 10.1.0.4 is not available", "held by container c1")
		})
	}
}

func TestRequestedAddressIsGiven(t *testing.T) {
	f := newFixture(t, small)
	inv := f.invocation(plugin.Add, "c1")
	inv.Args = plugin.Args{{"IP", "10.1.0.5"}}
	if got, err := addresses(f.Add(context.Background(), inv)); err != nil || got != "10.1.0.5/29" {
		t.Errorf("got %s, %v", got, err)
	}
	if got := f.mustAdd(t, "c2"); got != "10.1.0.6/29" {
		t.Errorf("the next address is %s, want the one after", got)
	}
}

func TestFailedAddKeepsNothing(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/29"}],[{"subnet":"10.2.0.0/30"}]]`)
	f.mustAdd(t, "c1") // takes 10.2.0.2, the only one
	_, err := f.add("c2")
	wantFault(t, err, fault.KindPluginFailed, 999, "10.2.0.1-10.2.0.2")
	want := []string{"10.1.0.2: c1/eth0", "10.2.0.2: c1/eth0"}
	if diff := cmp.Diff(want, f.leases(t)); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	f.mustDel(t, "c1")
	if got := f.mustAdd(t, "c2"); got != "10.1.0.4/29 10.2.0.2/30" {
		t.Errorf("got %s", got)
	}
}

func TestDelOfNothing(t *testing.T) {
	f := newFixture(t, small)
	f.mustDel(t, "c1") // no directory
	if _, err := os.Stat(f.store()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("DEL made the directory: %v", err)
	}
	f.mustAdd(t, "c1")
	f.mustAdd(t, "c2")
	f.mustDel(t, "c1")
	f.mustDel(t, "c1")
	f.config = `"ranges":"not what it was"`
	f.mustDel(t, "c2")
	if left := f.leases(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestDelReleasesWhatOthersWrote(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{
			"the executable",
			map[string]string{
				"10.1.0.2": "c1\r\neth0",
				"10.1.0.3": "c1\r\neth1",
				"10.1.0.4": "c2\r\neth0",
			},
			[]string{"10.1.0.3: c1/eth1", "10.1.0.4: c2/eth0"},
		},
		{
			"several addresses",
			map[string]string{
				"10.1.0.2": "c1\r\neth0",
				"10.9.0.3": "c1\r\neth0",
				"fd00::2":  "c1\r\neth0",
			},
			[]string{},
		},
		{
			"an old version",
			map[string]string{"10.1.0.2": "c1", "10.1.0.3": "c2"},
			[]string{"10.1.0.3: c2"},
		},
		{
			"an old version, but a newer lease too",
			map[string]string{"10.1.0.2": "c1", "10.1.0.3": "c1\r\neth0"},
			[]string{"10.1.0.2: c1"},
		},
		{"an editor", map[string]string{"10.1.0.2": "c1\r\neth0\n"}, []string{}},
		{
			"files that are not leases",
			map[string]string{"notes": "c1\r\neth0", "10.1.0.02": "c1\r\neth0"},
			[]string{"10.1.0.02: c1/eth0", "notes: c1/eth0"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, small)
			f.mustAdd(t, "c9") // an index is there
			f.mustDel(t, "c9")
			for file, content := range test.files {
				f.write(t, file, content)
			}
			f.mustDel(t, "c1")
			if diff := cmp.Diff(test.want, f.leases(t)); diff != "" {
				t.Errorf("leases (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDelDoesNotTrustTheIndexForWhatIsInAFile(t *testing.T) {
	f := newFixture(t, small)
	f.mustAdd(t, "c1")
	f.write(t, "10.1.0.2", "c2\r\neth0") // in place: the directory does not change
	f.mustDel(t, "c1")
	if diff := cmp.Diff([]string{"10.1.0.2: c2/eth0"}, f.leases(t)); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	f.mustDel(t, "c2")
	if left := f.leases(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestGCKeepsOnlyWhatIsValid(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/24"}]]`)
	f.mustAdd(t, "c1")
	f.mustAdd(t, "c2")
	f.write(t, "10.1.0.10", "c1\r\neth1")
	f.write(t, "10.1.0.11", "c1")
	f.write(t, "10.1.0.12", "c3")
	f.write(t, "10.1.0.13", "")
	f.write(t, "notes", "kept")
	inv := f.invocation(plugin.GC, "")
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c1", IfName: "eth0"}}
	kittest.Must(t, f.GC(context.Background(), inv))
	want := []string{"10.1.0.11: c1", "10.1.0.2: c1/eth0", "notes: kept"}
	if diff := cmp.Diff(want, f.leases(t)); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
}

// bind puts another file in the place of one of the store.
func (f *fixture) bind(t *testing.T, source, file string) {
	t.Helper()
	f.write(t, file, "")
	kittest.Must(t, unix.Mount(source, f.path(file), "", unix.MS_BIND, ""))
	t.Cleanup(func() { kittest.Must(t, unix.Unmount(f.path(file), unix.MNT_DETACH)) })
}

// A lease that cannot be read or released keeps no other from being released.
func TestGCLeavesWhatItCannotReadOrRelease(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/24"}]]`)
	f.write(t, "10.1.0.2", "gone\r\neth0")
	f.write(t, "10.1.0.9", "gone\r\neth0")
	f.bind(t, "/proc/self/mem", "10.1.0.4")                 // reading at 0 fails: EIO
	f.bind(t, "/proc/sys/net/ipv4/route/flush", "10.1.0.5") // opening it to read fails: EACCES
	held := filepath.Join(t.TempDir(), "held")              // removing a mount point fails: EBUSY
	kittest.Must(t, os.WriteFile(held, []byte("gone\r\neth1"), 0o600))

	var warnings []string
	inv := f.invocation(plugin.GC, "")
	inv.Warnings = func(msg string) { warnings = append(warnings, msg) }
	kittest.Must(t, f.GC(context.Background(), inv))
	if diff := cmp.Diff([]string{"10.1.0.4", "10.1.0.5"}, kittest.Leases(t, f.store())); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "10.1.0.4") {
		t.Errorf("warnings: %q", warnings)
	}

	f.write(t, "10.1.0.2", "gone\r\neth0")
	f.write(t, "10.1.0.9", "gone\r\neth0")
	f.bind(t, held, "10.1.0.3")
	if err := f.GC(context.Background(), inv); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("GC: %v, want that a lease cannot be removed", err)
	}
	if diff := cmp.Diff([]string{"10.1.0.3", "10.1.0.4", "10.1.0.5"},
		kittest.Leases(t, f.store())); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
}

// An address whose lease may not be read is taken.
func TestLeaseThatMayNotBeReadIsTaken(t *testing.T) {
	f := newFixture(t, small)
	f.bind(t, "/proc/sys/net/ipv4/route/flush", "10.1.0.2")
	if got := f.mustAdd(t, "c1"); got != "10.1.0.3/29" {
		t.Errorf("got %s", got)
	}
	f.mustDel(t, "c1")
}

func TestSubnetsOfTwoAddresses(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/31"}],[{"subnet":"fd00::/127"}],
		[{"subnet":"10.2.0.0/31","gateway":"10.2.0.1"}]]`)
	if got := f.mustAdd(t, "c1"); got != "10.1.0.1/31 fd00::1/127 10.2.0.0/31" {
		t.Errorf("got %s", got)
	}
	_, err := f.add("c2")
	wantFault(t, err, fault.KindPluginFailed, 999, "no IP addresses available")
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		prev  []string
		want  []fault.Drift
	}{
		{"as it was", map[string]string{"10.1.0.2": "c1\r\neth0"}, []string{"10.1.0.2/29"}, nil},
		{
			"lease of an old version",
			map[string]string{"10.1.0.2": "c1"},
			[]string{"10.1.0.2/29"},
			nil,
		},
		{
			"addresses of other plugins beside",
			map[string]string{"10.1.0.2": "c1\r\neth0"},
			[]string{"192.168.0.9/24", "10.1.0.2/29"},
			nil,
		},
		{"lease gone", nil, []string{"10.1.0.2/29"}, []fault.Drift{
			{
				Plugin:   name,
				Object:   "lease of 10.1.0.2 in network web",
				Expected: "held by container c1 interface eth0",
				Actual:   "missing",
			}}},
		{
			"lease of another",
			map[string]string{"10.1.0.2": "c2\r\neth0"},
			[]string{"10.1.0.2/29"},
			[]fault.Drift{
				{
					Plugin:   name,
					Object:   "lease of 10.1.0.2 in network web",
					Expected: "held by container c1 interface eth0",
					Actual:   "held by container c2 interface eth0",
				}},
		},
		{
			"another lease",
			map[string]string{"10.1.0.3": "c1\r\neth0"},
			[]string{"10.1.0.2/29"},
			[]fault.Drift{
				{
					Plugin:   name,
					Object:   "lease of 10.1.0.2 in network web",
					Expected: "held by container c1 interface eth0",
					Actual:   "missing",
				},
				{
					Plugin:   name,
					Object:   "lease of 10.1.0.3 in network web",
					Expected: "missing, because the result does not contain the address",
					Actual:   "held by container c1 interface eth0",
				}},
		},
		{"nothing in the result", nil, nil, []fault.Drift{
			{
				Plugin:   name,
				Object:   "lease of container c1 interface eth0 in network web",
				Expected: "at least one",
				Actual:   "missing",
			}}},
	}
	for _, test := range tests {
		for _, store := range []string{"with", "without"} {
			if store == "without" && test.files != nil {
				continue
			}
			t.Run(test.name+", "+store+" a directory", func(t *testing.T) {
				f := newFixture(t, small)
				if store == "with" {
					f.write(t, "lock", "")
				}
				for file, content := range test.files {
					f.write(t, file, content)
				}
				inv := f.invocation(plugin.Check, "c1")
				inv.PrevResult = previous(t, test.prev...)
				err := f.Check(context.Background(), inv)
				var e *fault.Error
				if errors.As(err, &e); (e == nil) != (test.want == nil) || e == nil && err != nil {
					t.Fatalf("CHECK: %v", err)
				}
				if e != nil {
					if diff := cmp.Diff(test.want, e.Drift); diff != "" {
						t.Errorf("drift (-want +got):\n%s", diff)
					}
				}
			})
		}
	}
}

func TestLeasesOfAnEarlierBoot(t *testing.T) {
	f := newFixture(t, small)
	f.bootID = "boot-1"
	f.mustAdd(t, "old")
	f.write(t, "10.1.0.3", "foreign\r\neth0")
	f.write(t, "10.1.0.4", "")
	f.write(t, "10.1.0.5", "\x00\x00\x00\x00")
	f.bootID = thisBoot
	if got := f.mustAdd(t, "c1"); got != "10.1.0.4/29" {
		t.Errorf("got %s, want 10.1.0.4/29, after the last one and the foreign one", got)
	}
	want := []string{"10.1.0.3: foreign/eth0", "10.1.0.4: c1/eth0"}
	if diff := cmp.Diff(want, f.leases(t)); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
}

func TestUnmarkedLeasesAreReclaimedOnlyWhenNothingElseIsLeft(t *testing.T) {
	f := newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/30"}]]`)
	f.write(t, "10.1.0.2", "foreign\r\neth0")
	f.write(t, "10.7.0.2", "foreign\r\neth1") // outside of the range
	_, err := f.add("c1")
	wantFault(t, err, fault.KindPluginFailed, 999, "1 in use")
	f.booted = func(string) (time.Time, error) { return time.Now().Add(-time.Hour), nil }
	_, err = f.add("c1")
	wantFault(t, err, fault.KindPluginFailed, 999, "1 in use")
	f.booted = func(string) (time.Time, error) { return time.Now().Add(time.Hour), nil }
	if got := f.mustAdd(t, "c1"); got != "10.1.0.2/30" {
		t.Errorf("got %s", got)
	}
	if diff := cmp.Diff([]string{"10.1.0.2: c1/eth0", "10.7.0.2: foreign/eth1"},
		f.leases(t)); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	// Ours is marked: the clock says nothing about it.
	_, err = f.add("c2")
	wantFault(t, err, fault.KindPluginFailed, 999, "1 in use")
}

func TestNamesThatAreNoLeases(t *testing.T) {
	f := newFixture(t, small)
	f.mustAdd(t, "c0")
	kittest.Must(t, os.Mkdir(f.path("10.1.0.3"), 0o755))
	if err := os.Symlink("/etc/hostname", f.path("10.1.0.4")); err != nil {
		t.Fatal(err)
	}
	kittest.Must(t, syscall.Mkfifo(f.path("10.1.0.5"), 0o600))
	if got := f.mustAdd(t, "c1"); got != "10.1.0.6/29" {
		t.Errorf("got %s", got)
	}
	kittest.Must(t, f.GC(context.Background(), f.invocation(plugin.GC, "")))
	inv := f.invocation(plugin.Add, "c2")
	inv.Args = plugin.Args{{"IP", "10.1.0.5"}}
	_, err := f.Add(context.Background(), inv)
	wantFault(t, err, fault.KindPluginFailed, 999, "requested IP address 10.1.0.5 is not available",
		"a file that is not a lease")
}

func TestDirectoryThatCannotBeUsed(t *testing.T) {
	f := newFixture(t, small)
	f.dataDir = filepath.Join(f.dataDir, "file")
	kittest.Must(t, os.WriteFile(f.dataDir, nil, 0o600))
	_, err := f.add("c1")
	wantFault(t, err, fault.KindState, 5, f.dataDir, "not a directory", "ipam.dataDir")
	f.dataDir = "/proc/no-such"
	_, err = f.add("c1")
	wantFault(t, err, fault.KindState, 5, "/proc/no-such/web")
}

func TestReadOnlyAndFullFileSystems(t *testing.T) {
	mount := func(t *testing.T, dir, options string, flags uintptr) {
		t.Helper()
		options = strings.TrimPrefix(options+",mode=0755", ",")
		if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
			t.Fatalf("mount tmpfs on %s: %v; run the tests under test/isolate", dir, err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	t.Run("read-only", func(t *testing.T) {
		f := newFixture(t, small)
		mount(t, f.dataDir, "", syscall.MS_RDONLY)
		_, err := f.add("c1")
		wantFault(t, err, fault.KindState, 5, f.dataDir, "read-only", "ipam.dataDir")
		f.mustDel(t, "c1")
	})
	t.Run("full", func(t *testing.T) {
		f := newFixture(t, small)
		mount(t, f.dataDir, "nr_inodes=64", 0)
		f.mustAdd(t, "c1")
		for i, err := 0, error(nil); !errors.Is(err, syscall.ENOSPC); i++ {
			err = os.WriteFile(filepath.Join(f.dataDir, fmt.Sprint("filler", i)), nil, 0o600)
		}
		_, err := f.add("c2")
		wantFault(t, err, fault.KindState, 5, f.store(), "full")
		if diff := cmp.Diff([]string{"10.1.0.2: c1/eth0"}, f.leases(t)); diff != "" {
			t.Errorf("leases (-want +got):\n%s", diff)
		}
		f.mustDel(t, "c1")
	})
	t.Run("no room for content", func(t *testing.T) {
		f := newFixture(t, small)
		mount(t, f.dataDir, "nr_blocks=1", 0)
		f.write(t, "filler", strings.Repeat("x", 4096))
		_, err := f.add("c2")
		wantFault(t, err, fault.KindState, 5, f.store(), "full")
		os.Remove(f.path("filler"))
		if left := f.leases(t); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestLockIsWaitedForUntilTheDeadline(t *testing.T) {
	f := newFixture(t, small)
	f.mustAdd(t, "c1")
	lock, err := os.Open(f.path("lock"))
	kittest.Must(t, err)
	defer lock.Close()
	kittest.Must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = f.Add(ctx, f.invocation(plugin.Add, "c2"))
	if !errors.Is(err, context.DeadlineExceeded) ||
		fault.From(err, fault.KindPluginFailed).Kind != fault.KindTimeout {
		t.Errorf("error is %v, want the deadline's", err)
	}
}

// The file of the address given last is not cut off before it is written, and the address gets
// shorter at times.
func TestLastGivenIsWhatTheFileSays(t *testing.T) {
	f := newFixture(t,
		`"ranges":[[{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.8","rangeEnd":"10.1.0.11"}]]`)
	for _, want := range []string{
		"10.1.0.8", "10.1.0.9", "10.1.0.10", "10.1.0.11", "10.1.0.8", "10.1.0.9",
	} {
		if got := f.mustAdd(t, "c1"); got != want+"/24" {
			t.Errorf("got %s, want %s", got, want)
		}
		if last, _ := os.ReadFile(f.path("last_reserved_ip.0")); string(last) != want {
			t.Errorf("last_reserved_ip.0 holds %q, want %s", last, want)
		}
		f.mustDel(t, "c1")
	}
}

func TestHugeIPv6Range(t *testing.T) {
	f := newFixture(t,
		`"ranges":[[{"subnet":"fd00::/8","rangeStart":"fd00::ffff:ffff:ffff:fffe"}]]`)
	var got []string
	for i := range 3 {
		got = append(got, f.mustAdd(t, fmt.Sprintf("c%d", i)))
	}
	f.reserve(t, "fdff:ffff:ffff:ffff:ffff:ffff:ffff:fffd")
	for i := 3; i < 6; i++ {
		got = append(got, f.mustAdd(t, fmt.Sprintf("c%d", i)))
	}
	want := []string{"fd00::ffff:ffff:ffff:fffe/8", "fd00::ffff:ffff:ffff:ffff/8", "fd00:0:0:1::/8",
		"fdff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/8", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/8",
		"fd00:0:0:1::1/8"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

// A FIFO that has the name of the last address's file must not make ADD wait with the store locked.
func TestAddDoesNotWaitForTheWriterOfAFIFO(t *testing.T) {
	f := newFixture(t, small)
	f.mustAdd(t, "c0")
	last := f.path("last_reserved_ip.0")
	kittest.Must(t, os.Remove(last))
	kittest.Must(t, syscall.Mkfifo(last, 0o600))
	done := make(chan error, 1)
	go func() {
		_, err := f.add("c1")
		done <- err
	}()
	select {
	case err := <-done:
		kittest.Must(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("blocked for 10 seconds")
	}
	if got := f.leases(t); len(got) != 2 {
		t.Errorf("leases %q, want those of c0 and c1", got)
	}
}
