package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

const (
	nftablesUnit  = "cni-repair-nftables.service"
	firewalldUnit = "cni-repair-firewalld.service"
)

// installed installs everything below a prefix and returns the directory of the units.
func installed(t testing.TB) string {
	t.Helper()
	prefix := t.TempDir()
	rig.Run(t, "make", "-C", "../..", "install", "PREFIX="+prefix, "DESTDIR=", "UNITDIR="+prefix)
	return prefix
}

// unitCommand returns the command line of a key of a unit, for the directories of the host.
func (h *host) unitCommand(unit, key string) []string {
	h.T.Helper()
	text, err := os.ReadFile(unit)
	rig.Must(h.T, err)
	for line := range strings.Lines(string(text)) {
		if command, found := strings.CutPrefix(strings.TrimSpace(line), key+"="); found {
			words := strings.Fields(strings.TrimPrefix(command, "-"))
			return append(words, h.args(nil)...)
		}
	}
	h.T.Fatalf("%s has no %s", unit, key)
	return nil
}

func TestUnitsAreValid(t *testing.T) {
	units := installed(t)
	for _, name := range []string{nftablesUnit, firewalldUnit} {
		out, err := exec.Command("systemd-analyze", "verify", "--man=no",
			filepath.Join(units, name)).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestReloadOfNftables loads the rules of an administrator, which begin with a flush, as
// nftables.service does when it is started and reloaded.
func TestReloadOfNftables(t *testing.T) {
	h := newHost(t)
	unit := filepath.Join(installed(t), nftablesUnit)
	h.filtered("web", "10.77.1.0/24")
	ns := h.namespace("blue")
	h.ok("add", "web", ns, "--id", "c1", "-p", "8080:80", "--owner", "someruntime")
	want := rig.Run(t, "nft", "-s", "list", "table", "inet", "libcni")
	h.Write("nftables.conf", "flush ruleset\ntable inet filter {\n\tchain input {\n\t\t"+
		"type filter hook input priority filter; policy accept;\n\t}\n}\n", 0o644)
	for _, key := range []string{"ExecStart", "ExecReload"} {
		rig.Run(t, "nft", "-f", h.Path("nftables.conf"))
		if o := h.run("check", "--id", "c1"); o.code != 3 {
			t.Fatalf("CHECK after the reload: %+v", o)
		}
		command := h.unitCommand(unit, key)
		if out := rig.Run(t, command[0], command[1:]...); !strings.Contains(out, "web\tc1\teth0\t") {
			t.Errorf("%s prints %q", key, out)
		}
		h.ok("check", "--id", "c1")
		if got := rig.Run(t, "nft", "-s", "list", "table", "inet", "libcni"); got != want {
			t.Errorf("after %s\n%s\nwant\n%s", key, got, want)
		}
	}
}

// TestReloadOfFirewalld runs the command of the unit beside a firewalld that is reloaded and
// restarted.
func TestReloadOfFirewalld(t *testing.T) {
	h := newHost(t)
	unit := filepath.Join(installed(t), firewalldUnit)
	h.filtered("web", "10.77.1.0/24")
	ns := h.namespace("blue")
	h.startBus()
	daemon := h.startFirewalld()
	h.ok("add", "web", ns, "--id", "c1", "-p", "8080:80")
	const want = "10.77.1.2/32"
	if got := h.sources(); got != want {
		t.Fatalf("sources %q", got)
	}
	rig.Run(t, "firewall-cmd", "--reload")
	if got := h.sources(); got != "" {
		t.Fatalf("sources after a reload %q", got)
	}

	command := h.unitCommand(unit, "ExecStart")
	watch := h.begin(command[0], command[1:]...)
	h.until(watch, "firewalld zone trusted source 10.77.1.2")
	for _, lose := range []func(){
		func() { rig.Run(t, "firewall-cmd", "--reload") },
		func() { rig.Run(t, "firewall-cmd", "--complete-reload") },
		func() { daemon.stop(); h.startFirewalld() },
		func() { rig.Run(t, "firewall-cmd", "--reload") },
	} {
		lose()
		h.until(watch, "firewalld zone trusted source 10.77.1.2")
		h.ok("check", "--id", "c1")
		if got := h.sources(); got != want {
			t.Errorf("sources %q", got)
		}
	}
	if status := watch.stop(); status != 0 {
		t.Errorf("SIGTERM ends it with status %d", status)
	}
}

func TestWatchWithoutABus(t *testing.T) {
	h := newHost(t)
	if o := h.run("repair", "--all", "--watch-firewalld"); o.code != 1 ||
		!strings.Contains(o.err, systemBus) {
		t.Errorf("without a bus: %+v", o)
	}
	if o := h.run("repair", "--watch-firewalld", "--id", "c1"); o.code != 2 ||
		!strings.Contains(o.err, "--all") {
		t.Errorf("without --all: %+v", o)
	}
}
