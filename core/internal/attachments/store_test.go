package attachments_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/must"
)

func TestIntentIsTheTruthUntilCommit(t *testing.T) {
	s, dir := newStore(t)
	want := entry("c1")
	want.Result = nil
	must.Succeed(t, s.WriteIntent(want))
	want.Incomplete = true
	got, err := s.Get(want.Key)
	must.Succeed(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("intent (-want +got)\n%s", diff)
	}
	must.Succeed(t, s.Commit(entry("c1")))
	if diff := cmp.Diff(strings.Join([]string{
		"drwx------ cache",
		"drwx------ cache/libcni",
		"drwx------ cache/results",
		"-rw------- cache/results/web-c1-eth0",
		"drwx------ state",
		"drwx------ state/intents",
	}, "\n"), files(t, dir)); diff != "" {
		t.Errorf("files after commit (-want +got)\n%s", diff)
	}
	must.Succeed(t, s.WriteIntent(want)) // a DEL begins
	for what, found := range map[string]func() ([]*attachments.Entry, error){
		"get": func() ([]*attachments.Entry, error) {
			e, err := s.Get(want.Key)
			return []*attachments.Entry{e}, err
		},
		"list": func() ([]*attachments.Entry, error) {
			e, errs := list(t, s)
			return e, first(errs)
		},
		"by container": func() ([]*attachments.Entry, error) { return byContainer(s, "c1", "eth0") },
	} {
		got, err := found()
		must.Succeed(t, err)
		if diff := cmp.Diff([]*attachments.Entry{want}, got); diff != "" {
			t.Errorf("%s with an intent beside the entry (-want +got)\n%s", what, diff)
		}
	}
	must.Succeed(t, s.Remove(want.Key))
	must.Succeed(t, s.Remove(want.Key))
	wantNone(t, s, want.Key)
	wantNothing(t, dir)
}

func first(errs []error) error {
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

func TestUnusableIntentIsPassedOver(t *testing.T) {
	s, dir := newStore(t)
	must.Succeed(t, s.WriteIntent(entry("c1")))
	found, err := filepath.Glob(filepath.Join(dir, "state", "intents", "*"))
	must.Succeed(t, err)
	if len(found) != 1 {
		t.Fatalf("intents: %v", found)
	}
	for name, content := range unusable(t) {
		must.Succeed(t, os.WriteFile(found[0], []byte(content), 0o600))
		if _, err := s.Get(web("c1")); err == nil {
			t.Errorf("%s: an entry", name)
		}
		if entries, errs := list(t, s); len(entries) != 0 || len(errs) != 1 {
			t.Errorf("%s: listed as %v, %v; want one error", name, entries, errs)
		}
	}
	must.Succeed(t, s.Remove(web("c1")))
	wantNothing(t, dir)
}

func TestEmptyStoreIsNoError(t *testing.T) {
	s, dir := newStore(t)
	wantNone(t, s, web("c1"))
	entries, errs := list(t, s)
	found, err := byContainer(s, "c1", "")
	if len(entries)+len(errs)+len(found) != 0 || err != nil {
		t.Errorf("got %v, %v, %v, %v; want nothing", entries, errs, found, err)
	}
	must.Succeed(t, s.Remove(web("c1")))
	if left := files(t, dir); left != "" {
		t.Errorf("made\n%s", left)
	}
}

func TestAttachmentsOfTheSameFileNameAreKeptApart(t *testing.T) {
	s, dir := newStore(t)
	there := attachments.Key{Network: "a-b", ContainerID: "c", IfName: "eth0"}
	other := attachments.Key{Network: "a", ContainerID: "b-c", IfName: "eth0"}
	must.Succeed(t, s.Commit(entryOf(there)))
	wantNone(t, s, other)
	for what, write := range map[string]func(*attachments.Entry) error{"intent": s.WriteIntent,
		"commit": s.Commit} {
		e := wantFault(t, write(entryOf(other)), fault.KindInvalidRequest, syscall.EINVAL)
		if e.Details != "containerId" || !strings.Contains(e.Msg, there.String()) {
			t.Errorf("%s: %q, details %q; want %s named", what, e.Msg, e.Details, there)
		}
	}
	before := files(t, dir)
	must.Succeed(t, s.Remove(other))
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Errorf("removing the other (-want +got)\n%s", diff)
	}
	must.Succeed(t, s.Remove(there))
	must.Succeed(t, s.WriteIntent(entryOf(other)))
	must.Succeed(t, s.Commit(entryOf(there)))
	if got, err := s.Get(other); err != nil || !got.Incomplete {
		t.Errorf("intents of both: %+v, %v; want the other's intent", got, err)
	}
}

func TestNamesThatAreNoFileNameAreRefused(t *testing.T) {
	long := strings.Repeat("x", 255-len("web--eth0"))
	for _, test := range []struct {
		name string
		key  attachments.Key
		want string // the key that is blamed
	}{
		{"256 bytes", web(long + "x"), "containerId"},
		{"slash in the network", attachments.Key{Network: "../web", ContainerID: "c", IfName: "eth0"},
			"network"},
		{"slash in the container", web("../c"), "containerId"},
		{"NUL in the interface", attachments.Key{Network: "web", ContainerID: "c", IfName: "e\x00"},
			"ifName"},
		{"no container", web(""), "containerId"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, dir := newStore(t)
			_, getErr := s.Get(test.key)
			_, lockErr := s.Lock(t.Context(), test.key)
			for _, err := range []error{
				test.key.Validate(), getErr, lockErr, s.WriteIntent(entryOf(test.key)),
				s.Commit(entryOf(test.key)), s.Remove(test.key),
			} {
				if e := wantFault(t, err, fault.KindInvalidRequest, syscall.EINVAL); e.Details != test.want {
					t.Errorf("%v blames %q, want %q", e, e.Details, test.want)
				}
			}
			if left := files(t, dir); left != "" {
				t.Errorf("made\n%s", left)
			}
		})
	}
	s, _ := newStore(t)
	must.Succeed(t, s.WriteIntent(entry(long)))
	must.Succeed(t, s.Commit(entry(long)))
	if _, err := s.Get(web(long)); err != nil {
		t.Errorf("255 bytes: %v", err)
	}
}

func TestByContainerFindsExactlyItsAttachments(t *testing.T) {
	s, dir := newStore(t)
	for _, key := range []attachments.Key{
		{Network: "web", ContainerID: "c", IfName: "eth0"}, {Network: "db", ContainerID: "c",
			IfName: "eth1"},
		{Network: "web", ContainerID: "a-c-b", IfName: "eth0"}, {Network: "c", ContainerID: "x",
			IfName: "c"},
	} {
		must.Succeed(t, s.Commit(entryOf(key)))
	}
	must.Succeed(t,
		s.WriteIntent(entryOf(attachments.Key{Network: "new", ContainerID: "c", IfName: "eth0"})))
	bare := `{"cniVersion":"0.3.1"}`
	must.Succeed(t,
		os.WriteFile(filepath.Join(dir, "cache", "results", "old-net-c-eth0"), []byte(bare),
			0o600))
	must.Succeed(t,
		os.WriteFile(filepath.Join(dir, "cache", "results", "o-c-c-eth0"), []byte(bare), 0o600))
	for _, test := range []struct {
		containerID, ifName string
		want                []string
	}{
		{"c", "", []string{"eth1 of container c on network db", "eth0 of container c on network new",
			"eth0 of container c on network old-net", "eth0 of container c on network web"}},
		{"c", "eth0", []string{"eth0 of container c on network new",
			"eth0 of container c on network o-c", "eth0 of container c on network old-net",
			"eth0 of container c on network web"}},
		{"c", "eth", nil},
		{"a-c-b", "eth0", []string{"eth0 of container a-c-b on network web"}},
		{"x", "", []string{"c of container x on network c"}},
		{"none", "", nil},
	} {
		got, err := byContainer(s, test.containerID, test.ifName)
		must.Succeed(t, err)
		var keys []string
		for _, e := range got {
			keys = append(keys, e.Key.String())
		}
		if diff := cmp.Diff(test.want, keys); diff != "" {
			t.Errorf("%s %s (-want +got)\n%s", test.containerID, test.ifName, diff)
		}
	}
}

func TestCopiesOfFilesAreReportedNotListed(t *testing.T) {
	s, dir := newStore(t)
	must.Succeed(t, s.Commit(entry("c1")))
	must.Succeed(t, s.WriteIntent(entry("c2")))
	for _, dir := range []string{filepath.Join(dir, "cache", "results"),
		filepath.Join(dir, "state", "intents")} {
		found, err := filepath.Glob(filepath.Join(dir, "*"))
		must.Succeed(t, err)
		data, err := os.ReadFile(found[0])
		must.Succeed(t, err)
		must.Succeed(t, os.WriteFile(found[0]+".orig", data, 0o600))
	}
	entries, errs := list(t, s)
	if len(entries) != 2 || len(errs) != 2 || strings.Count(fmt.Sprint(errs), ".orig") != 2 {
		t.Errorf("got %v, %v; want two attachments, and two errors that name the copies", entries, errs)
	}
}

func TestListOfAThousandIsQuick(t *testing.T) {
	s, _ := newStore(t)
	for i := range 1000 {
		must.Succeed(t, s.Commit(entry(fmt.Sprintf("c%03d", i))))
	}
	start := time.Now()
	entries, errs := list(t, s)
	took := time.Since(start)
	if len(entries) != 1000 || len(errs) != 0 || entries[999].ContainerID != "c999" {
		t.Errorf("got %d attachments, errors %v", len(entries), errs)
	}
	if took > time.Second {
		t.Errorf("took %v, more than a second", took)
	}
	start = time.Now()
	if found, err := byContainer(s, "c500", "eth0"); err != nil || len(found) != 1 {
		t.Errorf("got %v, %v", found, err)
	}
	if one := time.Since(start); one > took {
		t.Errorf("one container took %v, all %v", one, took)
	}
}

func TestAsOf(t *testing.T) {
	asOf := attachments.AsOf{BootID: "a-boot", Now: 100, Wall: time.Unix(1000, 5)}
	for _, want := range []attachments.AsOf{asOf, {BootID: "a-boot", Now: 100}, {Now: 5}} {
		if got, err := attachments.ParseAsOf(want.String()); err != nil || got != want {
			t.Fatalf("parsed %q as %+v, %v; want %+v", want, got, err, want)
		}
	}
	for _, text := range []string{"", "a-boot", "5", ":", "a-boot:", "a-boot:x", "a-boot:-1",
		"a-boot:99999999999999999999", "a-boot:1:x", "a-boot:1:", "a-boot:1:2:3"} {
		if got, err := attachments.ParseAsOf(text); err == nil {
			t.Errorf("parsed %q as %+v, want an error", text, got)
		}
	}
	now := attachments.AsOf{BootID: "a-boot", Now: 100 + 10*time.Second, Wall: time.Unix(1010, 5)}
	file := func(modified int64) attachments.Entry {
		return attachments.Entry{ByGoLibcni: true, Modified: time.Unix(modified, 0)}
	}
	for _, test := range []struct {
		name  string
		entry attachments.Entry
		want  bool
	}{
		{"older", attachments.Entry{BootID: "a-boot", Created: 99}, false},
		{"at the same moment", attachments.Entry{BootID: "a-boot", Created: 100}, true},
		{"newer", attachments.Entry{BootID: "a-boot", Created: 101}, true},
		{"of another boot", attachments.Entry{BootID: "another", Created: 101}, false},
		{"file older", file(998), false},
		{"file at the same moment", file(1000), true},
		{"file newer", file(1005), true},
		{"file of before the clock was set back", file(5000), true},
	} {
		if got := test.entry.NewerThan(asOf, now); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// A clock that was set forward since makes the file look older than the list.
func TestFileIsNewerThanAsOfWhenTheClockWasSet(t *testing.T) {
	asOf := attachments.AsOf{BootID: "a", Now: 100 * time.Second, Wall: time.Unix(1000, 0)}
	entry := attachments.Entry{ByGoLibcni: true, Modified: time.Unix(1005, 0)}
	later := attachments.AsOf{BootID: "a", Now: 110 * time.Second, Wall: time.Unix(5010, 0)}
	if !entry.NewerThan(asOf, later) {
		t.Error("set after the file was written: the entry counts as older")
	}

	entry.Modified = time.Unix(5005, 0)
	if asOf.Wall = time.Unix(9000, 0); !entry.NewerThan(asOf, later) {
		t.Error("set back between the list and the file: the entry counts as older")
	}
	asOf.Wall = time.Time{} // a token of version 0.1
	if !entry.NewerThan(asOf, later) {
		t.Error("a token without the time of day: the entry counts as older")
	}
}

// mountTmpfs mounts a file system of a few pages, which is unmounted with the test.
func mountTmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("mount: %v; run the test under test/isolate", err)
	}
	t.Cleanup(func() { must.Succeed(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

func TestReadOnlyDirectoriesAreTold(t *testing.T) {
	dir := mountTmpfs(t, "size=1m")
	full := storeIn(dir)
	must.Succeed(t, full.Commit(entry("c1")))
	must.Succeed(t, full.WriteIntent(entry("c2")))
	empty := storeIn(filepath.Join(dir, "none"))
	must.Succeed(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	for _, s := range []*attachments.Store{full, empty} {
		_, lockErr := s.Lock(t.Context(), web("c1"))
		_, networkErr := s.LockNetwork(t.Context(), "web")
		for what, err := range map[string]error{
			"cacheDir: lock": lockErr, "cacheDir: lock network": networkErr,
			"stateDir: intent": s.WriteIntent(entry("c1")), "cacheDir: commit": s.Commit(entry("c1")),
		} {
			option, _, _ := strings.Cut(what, ":")
			if e := wantFault(t, err, fault.KindState, syscall.EROFS); !strings.Contains(e.Msg,
				"options."+option) || !strings.Contains(e.Msg, dir) {
				t.Errorf("%s: %q; want option and path named", what, e.Msg)
			}
		}
	}
	wantFault(t, full.Remove(web("c1")), fault.KindState, syscall.EROFS)
	wantFault(t, full.Remove(web("c2")), fault.KindState, syscall.EROFS)
	if entries, errs := list(t, full); len(entries) != 2 || len(errs) != 0 {
		t.Errorf("list: %v, %v; want both", entries, errs)
	}
	must.Succeed(t, empty.Remove(web("c1")))
}

func TestFullFileSystemLeavesNothingHalfWritten(t *testing.T) {
	for _, fills := range []string{"blocks", "inodes"} {
		t.Run(fills, func(t *testing.T) {
			dir := mountTmpfs(t, map[string]string{"blocks": "size=64k",
				"inodes": "size=1m,nr_inodes=20"}[fills])
			s := storeIn(dir)
			must.Succeed(t, s.Commit(entry("c1")))
			must.Succeed(t, s.WriteIntent(entry("c2")))
			fill(t, dir)
			before := files(t, dir)
			larger := entry("c1")
			larger.Result = []byte(`{"x":"` + strings.Repeat("x", 8192) + `"}`)
			for what, err := range map[string]error{
				"intent": s.WriteIntent(entry("c3")), "commit": s.Commit(entry("c3")),
				"commit over another": s.Commit(larger),
			} {
				if e := wantFault(t, err, fault.KindState, syscall.ENOSPC); !strings.Contains(e.Msg,
					"no space is left") {
					t.Errorf("%s: %q", what, e.Msg)
				}
			}
			if diff := cmp.Diff(before, files(t, dir)); diff != "" {
				t.Errorf("files (-want +got)\n%s", diff)
			}
			got, err := s.Get(web("c1"))
			must.Succeed(t, err)
			if diff := cmp.Diff(entry("c1"), got); diff != "" {
				t.Errorf("the entry that was there (-want +got)\n%s", diff)
			}
			must.Succeed(t, s.Remove(web("c1")))
			must.Succeed(t, s.Remove(web("c2")))
		})
	}
}

// fill writes files until no more can be written, so that neither a block nor an inode can be had.
func fill(t *testing.T, dir string) {
	t.Helper()
	for i := 0; ; i++ {
		err := os.WriteFile(filepath.Join(dir, fmt.Sprint("ballast", i)), make([]byte, 4096), 0o600)
		if err != nil {
			if i == 0 {
				t.Fatal(err)
			}
			return
		}
	}
}

func TestForbiddenDirectoryIsTold(t *testing.T) {
	dir := t.TempDir()
	must.Succeed(t, os.MkdirAll(filepath.Join(dir, "cache"), 0o500))
	must.Succeed(t, os.MkdirAll(filepath.Join(dir, "state"), 0o500))
	process := other(dir, "commit")
	// without root's power over files
	process.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	out, err := process.CombinedOutput()
	must.Succeed(t, err)
	if !strings.HasPrefix(string(out), fmt.Sprintf("state %d ", -int(syscall.EACCES))) ||
		!strings.Contains(string(out), "options.cacheDir") {
		t.Errorf("got %s, want kind state, EACCES, and the option named", out)
	}
}

func TestDirectoryThatIsAFileIsTold(t *testing.T) {
	dir := t.TempDir()
	must.Succeed(t, os.WriteFile(filepath.Join(dir, "cache"), nil, fs.FileMode(0o600)))
	s := storeIn(dir)
	_, err := s.Get(web("c1"))
	wantFault(t, err, fault.KindState, syscall.EIO)
	wantFault(t, s.Commit(entry("c1")), fault.KindState, syscall.EIO)
	_, _, err = s.List()
	wantFault(t, err, fault.KindState, syscall.EIO)
	if _, err := byContainer(s, "c1", ""); err == nil {
		t.Error("by container: want an error")
	}
}
