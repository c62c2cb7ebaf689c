package attachments_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/must"
	"github.com/libcni/libcni/core/plugin"
)

// asOther names the variable that makes the test binary another process. Its arguments are what to
// do, the cache directory and the state directory.
const asOther = "ATTACHMENTS_TEST_OTHER"

// errands are what another process does. Each reports a line and ends when its stdin does.
var errands = map[string]func(s *attachments.Store) error{
	"lock": func(s *attachments.Store) error {
		held, err := s.Lock(context.Background(), web("c1"))
		if err != nil {
			return err
		}
		defer held.Unlock()
		return reportAndWait()
	},
	"lock network": func(s *attachments.Store) error {
		held, err := s.LockNetwork(context.Background(), "web")
		if err != nil {
			return err
		}
		defer held.Unlock()
		return reportAndWait()
	},
	"commit": func(s *attachments.Store) error {
		err := s.Commit(entry("c1"))
		var e *fault.Error
		if errors.As(err, &e) {
			fmt.Printf("%s %d %s\n", e.Kind, e.Return(), e.Msg)
			return nil
		}
		return fmt.Errorf("want a fault, got %v", err)
	},
}

func TestMain(m *testing.M) {
	if os.Getenv(asOther) == "" {
		os.Exit(m.Run())
	}
	if err := errands[os.Args[1]](attachments.Open(os.Args[2], os.Args[3])); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func reportAndWait() error {
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// other is the test binary as another process.
func other(dir, errand string) *exec.Cmd {
	process := exec.Command(os.Args[0], errand, filepath.Join(dir, "cache"),
		filepath.Join(dir, "state"))
	process.Env = append(os.Environ(), asOther+"=1")
	return process
}

// startOther returns when the other process is ready, and a function that ends it.
func startOther(t *testing.T, dir, errand string) (end func()) {
	t.Helper()
	process := other(dir, errand)
	stdin, err := process.StdinPipe()
	must.Succeed(t, err)
	stdout, err := process.StdoutPipe()
	must.Succeed(t, err)
	must.Succeed(t, process.Start())
	line := make([]byte, 100)
	if n, err := stdout.Read(line); err != nil || string(line[:n]) != "ready\n" {
		t.Fatalf("%s: %q, %v", errand, line[:n], err)
	}
	return func() {
		t.Helper()
		must.Succeed(t, stdin.Close())
		must.Succeed(t, process.Wait())
	}
}

// newStore returns a store in fresh directories, and the directory that holds both.
func newStore(t *testing.T) (*attachments.Store, string) {
	t.Helper()
	dir := t.TempDir()
	return storeIn(dir), dir
}

func storeIn(dir string) *attachments.Store {
	return attachments.Open(filepath.Join(dir, "cache"), filepath.Join(dir, "state"))
}

func web(containerID string) attachments.Key {
	return attachments.Key{Network: "web", ContainerID: containerID, IfName: "eth0"}
}

func entry(containerID string) *attachments.Entry { return entryOf(web(containerID)) }

// entryOf has every field set that is written.
func entryOf(key attachments.Key) *attachments.Entry {
	return &attachments.Entry{
		Key: key, Netns: "/run/netns/" + key.ContainerID, Cookie: 1<<63 + 1, Owner: "tester",
		CNIVersion: "1.1.0",
		Created:    123456789, BootID: "a-boot",
		Config: jsontext.Value(`{"cniVersion":"1.1.0","name":"web", "big": 18446744073709551615}`),
		Args:   plugin.Args{{"K", "V"}, {"K", "<&>"}},
		CapabilityArgs: map[string]jsontext.Value{"portMappings": jsontext.Value(
			`[{"hostPort":18446744073709551615}]`)},
		Result:     jsontext.Value(`{"cniVersion":"1.1.0","ips":[{"address":"10.1.0.2/16"}]}`),
		HostIfName: "veth01234567", HostCookie: 1<<63 + 3, Inode: 4026532388,
		MAC: "0a:58:0a:01:00:02", IfIndex: 7,
		Plugins: []attachments.Ran{{Type: "bridge", Builtin: true},
			{Type: "tuning", Path: "/opt/cni/bin/tuning", Result: jsontext.Value(`{"a":1}`)}},
	}
}

// files lists everything below dir but the locks, with modes, as lines.
func files(t *testing.T, dir string) string {
	t.Helper()
	var lines []string
	must.Succeed(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if d.Name() == "locks" {
			return fs.SkipDir
		}
		info, err := d.Info()
		lines = append(lines, fmt.Sprintf("%v %s", info.Mode(), strings.TrimPrefix(path, dir+"/")))
		return err
	}))
	return strings.Join(lines, "\n")
}

func wantFault(t *testing.T, err error, kind fault.Kind, number syscall.Errno) *fault.Error {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Return() != -int(number) {
		t.Fatalf("got %#v (%v), want kind %s and %v", err, err, kind, number)
	}
	return e
}

func wantNone(t *testing.T, s *attachments.Store, key attachments.Key) {
	t.Helper()
	if e, err := s.Get(key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get %s: %+v, %v; want %v", key, e, err, fs.ErrNotExist)
	}
}

// list is List with the errors of the files that are not usable.
func list(t *testing.T, s *attachments.Store) ([]*attachments.Entry, []error) {
	t.Helper()
	entries, unusable, err := s.List()
	must.Succeed(t, err)
	var errs []error
	for _, u := range unusable {
		errs = append(errs, u.Err)
	}
	return entries, errs
}

func byContainer(s *attachments.Store, id, ifName string) ([]*attachments.Entry, error) {
	entries, _, err := s.ByContainer(id, ifName)
	return entries, err
}
