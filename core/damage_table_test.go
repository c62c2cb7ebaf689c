package core

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/must"
)

// errUserNamespace says that a user namespace cannot make what a case needs.
var errUserNamespace = errors.New("the test needs root")

// damages are the ways in which a file is damaged. outside is a file that must stay as it is.
func damages(whole []byte, outside string) map[string]func(path string) error {
	replaced := func(make func(path string) error) func(path string) error {
		return func(path string) error {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			err := make(path)
			if err == syscall.EPERM || err == syscall.EINVAL {
				return errUserNamespace
			}
			return err
		}
	}
	content := func(text []byte) func(path string) error {
		return func(path string) error { return os.WriteFile(path, text, 0o600) }
	}
	all := map[string]func(path string) error{
		"empty":        content(nil),
		"garbage":      content([]byte("garbage")),
		"NUL bytes":    content(make([]byte, max(len(whole), 1))),
		"twice":        content(append(slices.Clone(whole), whole...)),
		"directory":    replaced(func(path string) error { return os.Mkdir(path, 0o700) }),
		"FIFO":         replaced(func(path string) error { return syscall.Mkfifo(path, 0o600) }),
		"link outside": replaced(func(path string) error { return os.Symlink(outside, path) }),
		"device": replaced(func(path string) error {
			return syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|3)
		}),
		"socket": replaced(func(path string) error {
			return syscall.Mknod(path, syscall.S_IFSOCK|0o600, 0)
		}),
		"unreadable":    func(path string) error { return os.Chmod(path, 0) },
		"other owner":   func(path string) error { return userNamespace(os.Chown(path, 4711, 4711)) },
		"100 MB":        func(path string) error { return os.Truncate(path, 100<<20) },
		"no attributes": func(path string) error { return noAttribute(path, "user.libcni.boot") },
	}
	const parts = 8
	for i := range parts {
		at := len(whole) * i / parts
		all[fmt.Sprintf("truncated at %d/%d", i, parts)] = content(whole[:at])
		if at < len(whole) {
			flipped := slices.Clone(whole)
			flipped[at] ^= 1 << (at % 7)
			all[fmt.Sprintf("flipped bit at %d/%d", i, parts)] = content(flipped)
		}
	}
	return all
}

func userNamespace(err error) error {
	if pathErr, ok := err.(*os.PathError); ok && pathErr.Err == syscall.EINVAL {
		return errUserNamespace
	}
	return err
}

func noAttribute(path, name string) error {
	if err := unix.Removexattr(path, name); err != nil && err != unix.ENODATA {
		return err
	}
	return nil
}

// damaged is a host with containers c1 and c2 on network "web". One file of its state is damaged.
type damaged struct {
	*testHost
	network object
	c2      string // namespace
	file    string
}

// targets are the files that are damaged, relative to the directory of the host.
var targets = []string{
	"cache/results/web-c1-eth0",
	"run/intents/*",
	"cache/libcni/locks/calls",
	"run/locks/*",
	"run/host-local/*.idx",
	"leases/web/10.88.0.2",
	"leases/web/last_reserved_ip.0",
	"leases/web/lock",
}

// damagedHost returns a host whose c1 is incomplete if its intent is to be damaged, else attached.
func damagedHost(t *testing.T, target string) *damaged {
	t.Helper()
	h := newTestHost(t)
	h.recorder("stubborn")
	d := &damaged{testHost: h, network: h.bridgeNet("web")}
	h.offer(d.network)
	failing := h.bridgeNet("web", object{"type": "stubborn", "fail": "ADD"})
	c1 := object{"network": d.network, "containerId": "c1", "netns": netnstest.New(t)}
	if strings.HasPrefix(target, "run/intents") {
		c1["network"], c1["options"] = failing, object{"rollback": false}
		h.fails("plugin-failed", "add", c1)
	} else {
		h.must("add", c1)
	}
	d.c2 = h.attach(d.network, "c2", "libcni")
	found, err := filepath.Glob(filepath.Join(h.dir, target))
	must.Succeed(t, err)
	if len(found) == 0 {
		t.Fatalf("there is no %s", target)
	}
	d.file = found[0]
	return d
}

// within makes a call that must end.
func (d *damaged) within(method string, request object) (int, object) {
	d.t.Helper()
	const promise = 20 * time.Second
	options, _ := request["options"].(object)
	if options == nil {
		options = object{}
	}
	options["timeoutMs"], options["rollbackTimeoutMs"] = 3000, 3000
	request["options"] = options
	start := time.Now()
	rc, answer := d.call(method, request)
	if took := time.Since(start); took > promise {
		d.t.Errorf("%s took %v", method, took)
	}
	return rc, answer
}

// isWhole checks that the other container has lost nothing.
func (d *damaged) isWhole(after string) {
	d.t.Helper()
	if !strings.Contains(linksIn(d.t, d.c2), "eth0") {
		d.t.Errorf("after %s: c2 has lost its interface", after)
	}
	if !strings.Contains(d.leases("web"), "10.88.0.3") {
		d.t.Errorf("after %s: c2 has lost its address: %s", after, d.leases("web"))
	}
	if _, err := os.Stat(filepath.Join(d.dir, "cache/results/web-c2-eth0")); err != nil {
		d.t.Errorf("after %s: c2 has lost its record: %v", after, err)
	}
}

// knows reports whether a list has container c1, or says that a file cannot be used.
func knows(answer object) bool {
	errs, _ := answer["errors"].([]any)
	return len(errs) > 0 || slices.ContainsFunc(answer["attachments"].([]any),
		func(a any) bool { return a.(object)["containerId"] == "c1" })
}

// Every file of the state is damaged in every way, and every verb is called. None waits for ever,
// none takes another container's network, none succeeds as if there were no c1, and nothing outside
// of the state is written.
func TestDamagedStateBlocksAndLosesNothing(t *testing.T) {
	for _, target := range targets {
		t.Run(strings.ReplaceAll(target, "/", " "), func(t *testing.T) {
			model := damagedHost(t, target)
			whole, err := os.ReadFile(model.file)
			must.Succeed(t, err)
			for name := range damages(whole, "") {
				t.Run(name, func(t *testing.T) { testDamage(t, target, name) })
			}
		})
	}
}

func testDamage(t *testing.T, target, name string) {
	d := damagedHost(t, target)
	outside := filepath.Join(t.TempDir(), "outside")
	secret := []byte("as it was")
	must.Succeed(t, os.WriteFile(outside, secret, 0o600))
	whole, err := os.ReadFile(d.file)
	must.Succeed(t, err)
	if err := damages(whole, outside)[name](d.file); err == errUserNamespace {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	record := strings.HasPrefix(target, "cache/results") || strings.HasPrefix(target, "run/intents")

	list := func() (int, object) { return d.within("attachments", object{}) }
	rc, before := list()
	if rc == 0 && !knows(before) {
		t.Errorf("c1 is neither listed nor reported: %v", before)
	}
	asOf := before["asOf"]
	d.within("status", object{"network": d.network})
	d.within("check", object{"containerId": "c2", "netns": d.c2})
	d.within("repair", object{"all": true})
	if rc, _ := d.within("check", object{"containerId": "c1"}); rc == 0 && d.isBad(record) {
		t.Error("CHECK finds no fault in a container whose record cannot be used")
	}
	if rc, answer := d.within("add", object{"network": d.network, "containerId": "c3",
		"netns": netnstest.New(t)}); rc != 0 && record {
		t.Errorf("the damage blocks another container: %v", answer)
	}
	d.isWhole("the first calls")
	if rc == 0 {
		d.within("gc", object{"network": d.network, "asOf": asOf, "validAttachments": []any{
			object{"containerId": "c1", "ifName": "eth0"}, object{"containerId": "c2", "ifName": "eth0"},
			object{"containerId": "c3", "ifName": "eth0"}}})
		d.isWhole("GC")
	}

	bad := d.isBad(record)
	rc, answer := d.within("del", object{"containerId": "c1"})
	if rc == 0 && bad && answer["found"] != true {
		t.Errorf("DEL of c1 succeeds as if it were unknown: %v", answer)
	}
	rc, answer = d.within("del", object{"containerId": "c1", "force": true})
	if rc != 0 && record {
		t.Errorf("DEL with force: %v", answer)
	}
	if record && d.isBad(record) {
		t.Error("DEL with force has left the record")
	}
	d.isWhole("DEL")
	if got, err := os.ReadFile(outside); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("the file outside holds %q, %v", got, err)
	}
}

// isBad reports whether the list says that the record cannot be used, and that it has not only been
// cut short while it was written.
func (d *damaged) isBad(record bool) bool {
	if !record {
		return false
	}
	_, answer := d.within("attachments", object{})
	errs, _ := answer["errors"].([]any)
	return slices.ContainsFunc(errs, func(e any) bool { return e.(object)["file"] == d.file }) &&
		!(strings.Contains(d.file, "/intents/") && isBeginning(d.file))
}

func isBeginning(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() == 0 {
		return false
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	_, err = jsontext.NewDecoder(bytes.NewReader(text)).ReadValue()
	return err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)
}
