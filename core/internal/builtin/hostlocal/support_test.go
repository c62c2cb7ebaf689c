package hostlocal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// fixture is a network with a store of its own.
type fixture struct {
	*hostLocal
	dataDir, stateDir string
	config            string // "ipam" without dataDir
	scans             int
	bootID            string
}

// thisBoot is the boot id of a fixture.
const thisBoot = "boot-2"

const network = "web"

// newFixture takes the members of "ipam" but for type and dataDir.
func newFixture(t testing.TB, ipam string) *fixture {
	t.Helper()
	f := &fixture{dataDir: t.TempDir(), stateDir: t.TempDir(), config: ipam, bootID: thisBoot}
	f.hostLocal = &hostLocal{
		booted:  func(string) (time.Time, error) { return time.Time{}, errors.New("not known") },
		scanned: func() { f.scans++ },
	}
	return f
}

func (f *fixture) store() string { return filepath.Join(f.dataDir, network) }

func (f *fixture) path(file string) string { return filepath.Join(f.store(), file) }

func (f *fixture) invocation(command, containerID string) *plugin.Invocation {
	inv := kittest.Invocation(
		network,
		containerID,
		fmt.Appendf(
			nil,
			`{"name":%q,"cniVersion":"1.1.0","type":"bridge","ipam":{"type":"host-local","dataDir":%q,%s}}`,
			network,
			f.dataDir,
			f.config,
		),
	)
	inv.Command, inv.StateDir, inv.BootID = command, f.stateDir, f.bootID
	return inv
}

// add returns the addresses with their prefix lengths, separated by spaces.
func (f *fixture) add(containerID string) (string, error) {
	return addresses(f.Add(context.Background(), f.invocation(plugin.Add, containerID)))
}

func (f *fixture) mustAdd(t testing.TB, containerID string) string {
	t.Helper()
	got, err := f.add(containerID)
	if err != nil {
		t.Fatalf("ADD %s: %v", containerID, err)
	}
	return got
}

func (f *fixture) mustDel(t testing.TB, containerID string) {
	t.Helper()
	if err := f.Del(context.Background(), f.invocation(plugin.Del, containerID)); err != nil {
		t.Fatalf("DEL %s: %v", containerID, err)
	}
}

func addresses(r *plugin.Result, err error) (string, error) {
	if err != nil {
		return "", err
	}
	value, err := r.Value()
	if err != nil {
		return "", err
	}
	var ips []string
	for _, ip := range value.IPs {
		ips = append(ips, ip.Address.String())
	}
	return strings.Join(ips, " "), nil
}

// write puts a file into the store as another program would.
func (f *fixture) write(t testing.TB, file, content string) {
	t.Helper()
	kittest.Must(t, os.MkdirAll(f.store(), 0o755))
	if err := os.WriteFile(f.path(file), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reserve takes an address of the first range set as the executable does.
func (f *fixture) reserve(t testing.TB, addr string) {
	t.Helper()
	f.write(t, addr, "theirs\r\neth0")
	f.write(t, "last_reserved_ip.0", addr)
}

// leases returns what the store holds as "file: content" lines, without the lock and the last
// addresses.
func (f *fixture) leases(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(f.store())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	lines := []string{}
	for _, entry := range entries {
		if entry.Name() == "lock" || strings.HasPrefix(entry.Name(), "last_reserved_ip.") {
			continue
		}
		content, err := os.ReadFile(f.path(entry.Name()))
		kittest.Must(t, err)
		lines = append(lines,
			fmt.Sprintf("%s: %s", entry.Name(), strings.ReplaceAll(string(content), "\r\n", "/")))
	}
	return lines
}

// wantFault checks kind and code, and that the message holds all the texts.
func wantFault(t testing.TB, err error, kind fault.Kind, code int64, texts ...string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want one of kind %s", err, kind)
	}
	if e.Kind != kind || e.Code != code {
		t.Errorf("error is of kind %s, code %d; want %s, %d: %v", e.Kind, e.Code, kind, code, e)
	}
	for _, text := range texts {
		if !strings.Contains(e.Msg, text) {
			t.Errorf("error is %q, which lacks %q", e.Msg, text)
		}
	}
}

// previous makes a result with addresses.
func previous(t testing.TB, cidrs ...string) *plugin.Result {
	t.Helper()
	var ips []map[string]string
	for _, cidr := range cidrs {
		ips = append(ips, map[string]string{"address": cidr})
	}
	raw, err := json.Marshal(map[string]any{"cniVersion": "1.1.0", "ips": ips})
	kittest.Must(t, err)
	r, err := plugin.ParseResult(raw, "1.1.0")
	kittest.Must(t, err)
	return r
}
