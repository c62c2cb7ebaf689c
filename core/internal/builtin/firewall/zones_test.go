package firewall

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/libcni/libcni/core/internal/host/firewalld"
	"github.com/libcni/libcni/core/plugin"
)

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=%s</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// start runs a program until the end of the test, in the namespace of the test.
func (r *rig) start(cmd *exec.Cmd) {
	r.t.Helper()
	must(r.t, cmd.Start())
	r.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

// startBus runs a bus of the test's own.
func (r *rig) startBus() *dbus.Conn {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "bus.conf")
	must(r.t, os.WriteFile(file, fmt.Appendf(nil, busConfig, r.bus), 0o644))
	daemon := exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--print-address", "--config-file="+file)
	out, err := daemon.StdoutPipe()
	must(r.t, err)
	r.start(daemon)
	_, err = bufio.NewReader(out).ReadString('\n') // it listens
	must(r.t, err)
	bus, err := dbus.Connect("unix:path=" + r.bus)
	must(r.t, err)
	r.t.Cleanup(func() { bus.Close() })
	return bus
}

// startFirewalld runs a firewalld of the test's own, and returns a connection to its bus.
func (r *rig) startFirewalld() *dbus.Conn {
	r.t.Helper()
	bus := r.startBus()
	changes := make(chan *dbus.Signal, 100)
	bus.Signal(changes)
	must(r.t, bus.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged")))
	settings := r.t.TempDir()
	must(r.t, os.WriteFile(filepath.Join(settings, "firewalld.conf"), []byte("FirewallBackend=nftables\nDefaultZone=block\n"), 0o644))
	daemon := exec.Command("firewalld", "--nofork", "--nopid", "--log-target=file", "--log-file="+filepath.Join(settings, "log"), "--system-config="+settings)
	daemon.Env = []string{"DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + r.bus, "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	daemon.Stderr = os.Stderr
	r.start(daemon)
	late := time.After(time.Minute)
	for {
		select {
		case s := <-changes:
			if len(s.Body) == 3 && s.Body[0] == "org.fedoraproject.FirewallD1" && s.Body[2] != "" {
				// It answers once its rules are there.
				must(r.t, bus.Object("org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1").Call("org.fedoraproject.FirewallD1.getDefaultZone", 0).Err)
				return bus
			}
		case <-late:
			log, _ := os.ReadFile(filepath.Join(settings, "log"))
			r.t.Fatalf("firewalld does not come: %s", log)
		}
	}
}

// sources lists a zone's.
func (r *rig) sources(bus *dbus.Conn, zone string) []string {
	r.t.Helper()
	var all []string
	must(r.t, bus.Object("org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1").
		Call("org.fedoraproject.FirewallD1.zone.getSources", 0, zone).Store(&all))
	return all
}

func TestFirewalldIsUsedWhereItRuns(t *testing.T) {
	r := newRig(t)
	r.bridgeNetfilter("0")
	bus := r.startFirewalld()
	c, other := r.container("a", 2), r.container("a", 3)
	r.serve(r.outside, "outside")
	r.serve(c.ns, "c2")
	r.publish(c)
	four, six := ips("a", 2)
	out := []way{{"out", c.ns, "192.0.2.9:7000", "outside"}, {"out", c.ns, "[fd00:ff::9]:7000", "outside"}}
	in := []way{{"published", r.outside, "192.0.2.1:80", "c2"}, {"published", r.outside, "[fd00:ff::1]:80", "c2"},
		{"not published", r.outside, at(four), ""}, {"not published", r.outside, at(six), ""}}
	for _, w := range out {
		w.want = ""
		r.try(w)
	}
	r.add(other, "")
	r.add(c, "")
	r.add(c, `"backend":"firewalld"`)
	r.try(append(out, in...)...)
	r.same("sources", []string{"10.1.0.3/32", "fd00:1::3/128", "10.1.0.2/32", "fd00:1::2/128"}, r.sources(bus, "trusted"))
	r.same("drift", []string(nil), r.drift(c, ""))

	must(t, bus.Object("org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1").Call("org.fedoraproject.FirewallD1.reload", 0).Err)
	want := []string{"firewall: firewalld zone trusted source 10.1.0.2: missing, not present",
		"firewall: firewalld zone trusted source fd00:1::2: missing, not present"}
	r.same("drift after a reload", want, r.drift(c, ""))
	r.same("sources after CHECK", []string{}, r.sources(bus, "trusted"))
	r.same("repaired", []string{"firewalld zone trusted source 10.1.0.2", "firewalld zone trusted source fd00:1::2"}, r.repair(c, ""))
	r.repair(other, "")
	r.try(append(out, in...)...)

	r.del(c.forgotten(), "")
	r.del(c, "")
	r.same("sources after DEL", []string{"10.1.0.3/32", "fd00:1::3/128"}, r.sources(bus, "trusted"))
	inv := r.invocation(other.forgotten(), written(""))
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c3", IfName: "eth0"}}
	must(t, r.plugin().GC(t.Context(), inv))
	r.same("sources after GC of nothing", 2, len(r.sources(bus, "trusted")))
	inv.ValidAttachments = nil
	must(t, r.plugin().GC(t.Context(), inv))
	r.same("sources after GC", []string{}, r.sources(bus, "trusted"))
	r.same("warnings", []string(nil), r.warnings)
}

func TestFirewalldThatRefuses(t *testing.T) {
	r := newRig(t)
	bus := r.startFirewalld()
	must(t, r.plugin().Status(t.Context(), r.invocation(paper("a", 2), written(`"backend":"firewalld"`))))
	c := paper("a", 2)
	zones, err := firewalld.Open(t.Context(), r.bus)
	must(t, err)
	defer zones.Close()
	must(t, zones.AddSource(t.Context(), "public", netip.MustParseAddr("fd00:1::2")))
	for _, test := range []struct{ members, want string }{
		{`"firewalldZone":"no-such"`, "INVALID_ZONE"},
		{"", "ZONE_CONFLICT"},
	} {
		_, err := r.plugin().Add(t.Context(), r.invocation(c, written(test.members)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
		if strings.Contains(r.listing("inet"), "10.1.0.2") {
			t.Errorf("after %s there is left:\n%s", test.want, r.listing("inet"))
		}
	}
	r.same("the trusted", []string{}, r.sources(bus, "trusted"))
	r.same("another's", []string{"fd00:1::2/128"}, r.sources(bus, "public"))
}

func TestSourcesOfTheExecutableAreRemoved(t *testing.T) {
	r := newRig(t)
	bus := r.startFirewalld()
	c := paper("a", 2)
	r.reference("ADD", c, "nft")
	r.same("sources", 2, len(r.sources(bus, "trusted")))
	r.del(c, "")
	r.same("sources after DEL", []string{}, r.sources(bus, "trusted"))
}

func TestBusWithoutFirewalld(t *testing.T) {
	r := newRig(t)
	r.startBus()
	if _, err := firewalld.Open(t.Context(), r.bus); !errors.Is(err, firewalld.ErrNotRunning) {
		t.Errorf("got %v", err)
	}
	c := paper("a", 2)
	r.add(c, "")
	r.same("drift", []string(nil), r.drift(c, `"backend":"nftables"`))
	r.del(c, `"backend":"firewalld"`)
	r.same("elements", false, strings.Contains(r.listing("inet"), "10.1.0.2"))
}
