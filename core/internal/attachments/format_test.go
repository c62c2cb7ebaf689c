package attachments_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/must"
	"github.com/libcni/libcni/core/plugin"
)

func TestWhatIsCommittedIsRead(t *testing.T) {
	s, _ := newStore(t)
	bare := &attachments.Entry{Key: web("bare")}
	for _, want := range []*attachments.Entry{entry("full"), bare} {
		must.Succeed(t, s.Commit(want))
		got, err := s.Get(want.Key)
		must.Succeed(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// goLibcniFile is what Go's libcni decodes its cache files into.
type goLibcniFile struct {
	Kind           string
	ContainerID    string `json:"containerId"`
	Config         []byte
	IfName         string
	NetworkName    string
	NetNS          string
	CniArgs        [][2]string
	CapabilityArgs map[string]any
	Result         map[string]any
}

func TestGoLibcniReadsWhatIsCommitted(t *testing.T) {
	s, dir := newStore(t)
	e := entry("c1")
	must.Succeed(t, s.Commit(e))
	data, err := os.ReadFile(filepath.Join(dir, "cache", "results", "web-c1-eth0"))
	must.Succeed(t, err)
	var got goLibcniFile
	must.Succeed(t, json.Unmarshal(data, &got))
	want := goLibcniFile{
		Kind: "cniCacheV1", ContainerID: "c1", Config: e.Config, IfName: "eth0", NetworkName: "web",
		NetNS: "/run/netns/c1", CniArgs: [][2]string{{"K", "V"}, {"K", "<&>"}},
		CapabilityArgs: map[string]any{
			"portMappings": []any{map[string]any{"hostPort": 18446744073709551615.0}}},
		Result: map[string]any{"cniVersion": "1.1.0",
			"ips": []any{map[string]any{"address": "10.1.0.2/16"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var members map[string]json.RawMessage
	must.Succeed(t, json.Unmarshal(data, &members))
	for _, theirs := range []string{"kind", "containerId", "config", "ifName", "networkName", "netns",
		"cniArgs", "capabilityArgs", "result"} {
		delete(members, theirs)
	}
	if len(members) != 1 || members["libcni"] == nil {
		t.Errorf("members that are not Go's libcni's: %v, want libcni alone", members)
	}
}

func TestFilesOfGoLibcniAreRead(t *testing.T) {
	s := attachments.Open(filepath.Join("testdata", "go-libcni"), t.TempDir())
	want := []*attachments.Entry{
		{
			Key: web("c1"), ByGoLibcni: true, Netns: "/run/netns/c1", CNIVersion: "1.0.0",
			Config: jsontext.Value(
				`{"cniVersion":"1.0.0","name":"web","plugins":[{"type":"bridge"}]}`),
			Args: plugin.Args{{"IgnoreUnknown", "1"}, {"K8S_POD_NAME", "p"}},
			CapabilityArgs: map[string]jsontext.Value{"portMappings": jsontext.Value(
				`[{"containerPort":80,"hostPort":8080,"protocol":"tcp"}]`)},
			Result: jsontext.Value(
				`{"cniVersion":"1.0.0","dns":{},"interfaces":[{"mac":"0a:58:0a:01:00:02","name":"eth0","sandbox":"/run/netns/c1"}],"ips":[{"address":"10.1.0.2/16","interface":0}]}`),
		},
		{
			Key: web("c2"), ByGoLibcni: true, CNIVersion: "0.3.1",
			Config: jsontext.Value(`{"cniVersion":"0.3.1","name":"web","type":"bridge"}`),
		},
		{
			Key: web("c3"), ByGoLibcni: true, CNIVersion: "0.3.1",
			Result: jsontext.Value(
				`{"cniVersion":"0.3.1","interfaces":[{"name":"eth0","sandbox":"/run/netns/c3"}],"ips":[{"version":"4","interface":0,"address":"10.1.0.3/16"}],"dns":{}}`),
		},
		{Key: web("c4"), ByGoLibcni: true,
			Result: jsontext.Value(`{"ip4":{"ip":"10.1.0.4/16"},"dns":{}}`)},
	}
	got, errs := list(t, s)
	if len(errs) > 0 {
		t.Errorf("errors: %v", errs)
	}
	if diff := cmp.Diff(want, got, anyTime); diff != "" {
		t.Errorf("list (-want +got)\n%s", diff)
	}
	for _, want := range want {
		got, err := s.Get(want.Key)
		must.Succeed(t, err)
		if diff := cmp.Diff(want, got, anyTime); diff != "" {
			t.Errorf("get %s (-want +got)\n%s", want.Key, diff)
		}
	}
}

// unusable are contents of a cache file of web, c1, eth0 that are not an entry.
func unusable(t testing.TB) map[string]string {
	whole, err := os.ReadFile(filepath.Join("testdata", "go-libcni", "results", "web-c1-eth0"))
	must.Succeed(t, err)
	replaced := func(old, new string) string { return strings.Replace(string(whole), old, new, 1) }
	return map[string]string{
		"empty":              "",
		"torn":               string(whole[:len(whole)/2]),
		"binary":             "\x00\x01\xff",
		"array":              "[]",
		"null":               "null",
		"neither":            "{}",
		"later kind":         replaced("cniCacheV1", "cniCacheV2"),
		"wrong type":         replaced(`"eth0"`, `7`),
		"no network":         replaced(`"networkName":"web"`, `"networkName":""`),
		"path in a name":     replaced(`"containerId":"c1"`, `"containerId":"../c1"`),
		"config not base64":  replaced("eyJj", "{!!}"),
		"result is an array": `{"kind":"cniCacheV1","containerId":"c1","ifName":"eth0","networkName":"web","result":[1]}`,
	}
}

func TestUnusableFilesCountAsNone(t *testing.T) {
	for name, content := range unusable(t) {
		t.Run(name, func(t *testing.T) {
			testUnusable(t, func(path string) error { return os.WriteFile(path, []byte(content), 0o600) })
		})
	}
	t.Run("huge", func(t *testing.T) {
		testUnusable(t, func(path string) error {
			if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
				return err
			}
			return os.Truncate(path, 1<<40)
		})
	})
	t.Run("FIFO without a writer", func(t *testing.T) {
		testUnusable(t, func(path string) error { return syscall.Mkfifo(path, 0o600) })
	})
	t.Run("socket", func(t *testing.T) {
		testUnusable(t, func(path string) error { return syscall.Mknod(path, syscall.S_IFSOCK|0o600, 0) })
	})
	t.Run("dangling link", func(t *testing.T) {
		s, dir := newStore(t)
		must.Succeed(t, s.Commit(entry("c1")))
		path := filepath.Join(dir, "cache", "results", "web-c1-eth0")
		must.Succeed(t, os.Remove(path))
		must.Succeed(t, os.Symlink("/nowhere", path))
		wantNone(t, s, web("c1"))
		must.Succeed(t, s.Remove(web("c1")))
		wantNothing(t, dir)
	})
}

// testUnusable has spoil make the file of an attachment.
func testUnusable(t *testing.T, spoil func(path string) error) {
	s, dir := newStore(t)
	must.Succeed(t, s.Commit(entry("c2")))
	path := filepath.Join(dir, "cache", "results", "web-c1-eth0")
	must.Succeed(t, spoil(path))

	wantNone(t, s, web("c1"))
	entries, errs := list(t, s)
	if len(entries) != 1 || len(errs) != 1 || !strings.Contains(fmt.Sprint(errs), path) {
		t.Errorf("list: %v, %v; want c2 alone and an error that names %s", entries, errs, path)
	}
	if found, err := byContainer(s, "c1", ""); len(found) != 0 || err != nil {
		t.Errorf("by container: %v, %v; want none", found, err)
	}
	must.Succeed(t, s.Commit(entry("c1")))
	if got, err := s.Get(web("c1")); err != nil || got.Key != web("c1") {
		t.Errorf("after a commit: %v, %v", got, err)
	}
	must.Succeed(t, os.Remove(path))
	must.Succeed(t, spoil(path))
	must.Succeed(t, s.Remove(web("c1")))
	must.Succeed(t, s.Remove(web("c2")))
	wantNothing(t, dir)
}

// wantNothing: directories and locks stay, nothing else does.
func wantNothing(t *testing.T, dir string) {
	t.Helper()
	for line := range strings.Lines(files(t, dir)) {
		if !strings.HasPrefix(line, "d") {
			t.Errorf("left: %s", line)
		}
	}
}

func TestUnknownMemberOfOursIsForeign(t *testing.T) {
	for name, ours := range map[string]string{"other type": `"later"`,
		"other field type": `{"owner":7}`, "null": "null"} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStore(t)
			must.Succeed(t, s.Commit(entry("c1")))
			path := filepath.Join(dir, "cache", "results", "web-c1-eth0")
			data, err := os.ReadFile(path)
			must.Succeed(t, err)
			i := bytes.Index(data, []byte(`"libcni":`))
			must.Succeed(t, os.WriteFile(path, append(data[:i:i], `"libcni":`+ours+`}`...), 0o600))
			got, err := s.Get(web("c1"))
			must.Succeed(t, err)
			whole := entry("c1")
			want := &attachments.Entry{
				Key: whole.Key, Netns: whole.Netns, CNIVersion: "1.1.0", Config: whole.Config, Args: whole.Args,
				CapabilityArgs: whole.CapabilityArgs, Result: whole.Result, ByGoLibcni: true,
				Modified: got.Modified,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestResultThatIsNoObjectIsNotWritten(t *testing.T) {
	s, dir := newStore(t)
	e := entry("c1")
	e.Result = jsontext.Value(`[]`)
	if err := s.Commit(e); err == nil {
		t.Error("want an error")
	}
	wantNothing(t, dir)
}

// A FIFO in the place of a temporary file or of a directory must not make a call wait with its
// locks held.
func TestNothingWaitsForTheWriterOfAFIFO(t *testing.T) {
	s, dir := newStore(t)
	must.Succeed(t, s.WriteIntent(entry("c1")))
	must.Succeed(t, s.Commit(entry("c1")))
	must.Succeed(t, s.WriteIntent(entry("c1")))
	intents, err := filepath.Glob(filepath.Join(dir, "state", "intents", "*"))
	must.Succeed(t, err)
	name := filepath.Base(intents[0])
	for _, temporary := range []string{"cache/libcni/" + name + ".tmp",
		"state/intents/" + name + ".tmp"} {
		must.Succeed(t, syscall.Mkfifo(filepath.Join(dir, temporary), 0o600))
	}
	wait(t, func() error { return s.WriteIntent(entry("c1")) })
	wait(t, func() error { return s.Commit(entry("c1")) })

	for _, directory := range []string{"cache/results", "state/intents"} {
		path := filepath.Join(dir, directory)
		must.Succeed(t, os.RemoveAll(path))
		must.Succeed(t, syscall.Mkfifo(path, 0o600))
		wait(t, func() error { _, _, err := s.List(); return asError(err == nil) })
		wait(t, func() error {
			return asError(s.WriteIntent(entry("c1")) == nil &&
				s.Commit(entry("c1")) == nil)
		})
	}
}

func asError(unexpected bool) error {
	if unexpected {
		return errors.New("no error")
	}
	return nil
}

func wait(t *testing.T, call func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		must.Succeed(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("blocked for 10 seconds")
	}
}

// anyTime ignores the times of files.
var anyTime = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Modified" },
	cmp.Ignore())
