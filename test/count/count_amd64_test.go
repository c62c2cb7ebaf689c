package count

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/test/rig"
)

// warm is how many pairs of ADD and DEL come before the one that is counted: the first makes
// bridge, tables and files.
const warm = 3

// usual is the network of the pairs before the one that is counted.
const usual = "count"

// The limits have some room above what is measured: a call of the kernel may have to be repeated.
// Whoever raises one says in the commit what for.
func TestCallsMakeNoMoreThanTheyDid(t *testing.T) {
	for _, c := range []struct {
		name     string
		plugins  int
		others   int
		last     string // the network of the call that is counted
		add, del tally
	}{
		{
			"bridge and host-local", 1, 0, usual, tally{calls: 118, messages: 14},
			tally{calls: 85, messages: 3},
		},
		{
			"full chain", 3, 0, usual, tally{calls: 206, messages: 80},
			tally{calls: 164, messages: 58},
		},
		{
			"full chain beside another container", 3, 1, usual, tally{calls: 178, messages: 48},
			tally{calls: 128, messages: 35},
		},
		{
			"a network that is new to the host", 1, 0, "new", tally{calls: 165, messages: 22},
			tally{calls: 90, messages: 3},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tallies := counted(t, c.plugins, c.others, c.last)
			compare(t, "ADD", tallies[len(tallies)-2], &c.add)
			compare(t, "DEL", tallies[len(tallies)-1], &c.del)
		})
	}
}

func compare(t *testing.T, method string, got, limit *tally) {
	t.Helper()
	t.Logf("%s: %d system calls, %d netlink messages, %d new threads; by number %v", method, got.calls,
		got.messages, got.threads, got.each)
	if got.calls > limit.calls || got.calls < limit.calls/2 {
		t.Errorf("%s: %d system calls, limit %d, and at least half of that: by number %v", method,
			got.calls, limit.calls, got.each)
	}
	if got.messages > limit.messages || got.messages < limit.messages/2 {
		t.Errorf("%s: %d netlink messages, limit %d, and at least half of that", method, got.messages,
			limit.messages)
	}
	if got.processes > 0 {
		t.Errorf("%s: %d processes", method, got.processes)
	}
}

// counted has a program in C attach and detach a container, after some others that stay, and
// returns the tallies of its calls.
func counted(t *testing.T, plugins, others int, last string) []*tally {
	t.Helper()
	dir := ownFileSystem(t)
	program := rig.Compile(t, "../../bench/programs/driver.c", rig.Shared(t)...)
	lines := ""
	for i := range others {
		lines += "add " + request(dir, usual, plugins, i+1) + "\n"
	}
	pair := func(network string) string {
		r := request(dir, network, plugins, 0)
		return "add " + r + "\ndel " + r + "\n"
	}
	lines += strings.Repeat(pair(usual), warm) + pair(last)
	in, out := file(t, dir, "in", lines), file(t, dir, "out", "")
	host(t, dir, others)
	tallies := trace(t, program, in, out)
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	answers, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count("\n"+string(answers), "\n0 "); got != others+2*(warm+1) ||
		len(tallies) != got {
		t.Fatalf("%d calls succeeded, %d were counted, of %d:\n%s", got, len(tallies), others+2*(warm+1),
			answers)
	}
	return tallies
}

// ownFileSystem returns a directory on a file system of its own, in which no other process holds a
// lock: whoever makes a lock file looks for holders of a removed one.
func ownFileSystem(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rig.Must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// host moves the test to a network namespace of its own and makes the containers'.
func host(t *testing.T, dir string, others int) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	for i := range others + 1 {
		netns := file(t, dir, fmt.Sprint("netns", i), "").Name()
		if err := errors.Join(unix.Unshare(unix.CLONE_NEWNET),
			unix.Mount("/proc/thread-self/ns/net", netns, "", unix.MS_BIND, "")); err != nil {
			t.Fatalf(
				"a network namespace for the test: %v; run with: go test -exec $PWD/test/isolate ./test/count",
				err)
		}
		t.Cleanup(func() { _ = unix.Unmount(netns, unix.MNT_DETACH) })
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
}

func file(t *testing.T, dir, name, content string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return f
}

func request(dir, network string, plugins, container int) string {
	list := []any{
		map[string]any{"type": "bridge", "bridge": network + "0", "isGateway": true,
			"ipMasq": plugins > 1, "ipMasqBackend": "nftables", "ipam": map[string]any{
				"type": "host-local", "dataDir": dir + "/leases",
				"ranges": []any{[]any{map[string]any{"subnet": "10.89.0.0/16"}}},
				"routes": []any{map[string]any{"dst": "0.0.0.0/0"}}}},
		map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		map[string]any{"type": "firewall"},
	}
	text, err := json.Marshal(map[string]any{
		"containerId": fmt.Sprint("c", container), "netns": fmt.Sprint(dir, "/netns", container),
		"capabilityArgs": map[string]any{
			"portMappings": []any{
				map[string]any{"hostPort": 8080 + container, "containerPort": 80, "protocol": "tcp"},
			},
		},
		"network": map[string]any{"cniVersion": "1.1.0", "name": network, "plugins": list[:plugins]},
		"options": map[string]any{
			"cacheDir": dir + "/cache", "stateDir": dir + "/run", "builtins": "only",
		},
	})
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return string(text)
}

// maxSize limits growth that nobody noticed. The target for a library with all plugins and verbs is
// 14 MB.
const maxSize = 12e6

func TestLibraryDoesNotGrow(t *testing.T) {
	info, err := os.Stat(rig.Library(t))
	rig.Must(t, err)
	if info.Size() > maxSize {
		t.Errorf("libcni.so has %d bytes, the limit is %s", info.Size(), fmt.Sprint(int(maxSize)))
	}
}
