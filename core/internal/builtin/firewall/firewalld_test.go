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
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=%s</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// start runs a program until the end of the test, in the namespace of the test.
func (r *rig) start(cmd *exec.Cmd) {
	r.T.Helper()
	kittest.Must(r.T, cmd.Start())
	r.T.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

// startBus runs a bus of the test's own.
func (r *rig) startBus() *dbus.Conn {
	r.T.Helper()
	file := filepath.Join(r.T.TempDir(), "bus.conf")
	kittest.Must(r.T, os.WriteFile(file, fmt.Appendf(nil, busConfig, r.bus), 0o644))
	daemon := exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--print-address",
		"--config-file="+file)
	out, err := daemon.StdoutPipe()
	kittest.Must(r.T, err)
	r.start(daemon)
	_, err = bufio.NewReader(out).ReadString('\n') // it listens
	kittest.Must(r.T, err)
	bus, err := dbus.Connect("unix:path=" + r.bus)
	kittest.Must(r.T, err)
	r.T.Cleanup(func() { bus.Close() })
	return bus
}

// startFirewalld runs a firewalld of the test's own, and returns a connection to its bus.
func (r *rig) startFirewalld() *dbus.Conn {
	r.T.Helper()
	bus := r.startBus()
	changes := make(chan *dbus.Signal, 100)
	bus.Signal(changes)
	kittest.Must(r.T, bus.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged")))
	settings := r.T.TempDir()
	kittest.Must(
		r.T,
		os.WriteFile(filepath.Join(settings, "firewalld.conf"),
			[]byte("FirewallBackend=nftables\nDefaultZone=block\n"), 0o644),
	)
	daemon := exec.Command("firewalld", "--nofork", "--nopid", "--log-target=file",
		"--log-file="+filepath.Join(settings, "log"), "--system-config="+settings)
	daemon.Env = []string{"DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + r.bus,
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	daemon.Stderr = os.Stderr
	r.start(daemon)
	late := time.After(time.Minute)
	for {
		select {
		case s := <-changes:
			if len(s.Body) == 3 && s.Body[0] == "org.fedoraproject.FirewallD1" && s.Body[2] != "" {
				// It answers once its rules are there.
				kittest.Must(
					r.T,
					bus.Object("org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1").
						Call("org.fedoraproject.FirewallD1.getDefaultZone", 0).
						Err,
				)
				return bus
			}
		case <-late:
			log, _ := os.ReadFile(filepath.Join(settings, "log"))
			r.T.Fatalf("firewalld does not come: %s", log)
		}
	}
}

// sources lists a zone's.
func (r *rig) sources(bus *dbus.Conn, zone string) []string {
	r.T.Helper()
	var all []string
	kittest.Must(r.T, bus.Object("org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1").
		Call("org.fedoraproject.FirewallD1.zone.getSources", 0, zone).Store(&all))
	return all
}

func TestFirewalldIsUsedWhereItRuns(t *testing.T) {
	r := newRig(t)
	r.bridgeNetfilter("0")
	bus := r.startFirewalld()
	c, other := r.container("a", 2), r.container("a", 3)
	r.Serve(r.outside, ":7000", "outside")
	r.Serve(&c.Node, ":7000", "c2")
	r.publish(c)
	four, six := kittest.Addresses("a", 2)
	out := []kittest.Path{
		path("out", &c.Node, "192.0.2.9:7000", "outside"),
		path("out", &c.Node, "[fd00:9::9]:7000", "outside"),
	}
	in := []kittest.Path{
		path("published", r.outside, "192.0.2.1:80", "c2"),
		path("published", r.outside, "[fd00:9::1]:80", "c2"),
		path("not published", r.outside, at(four), ""),
		path("not published", r.outside, at(six), ""),
	}
	for _, w := range out {
		w.Want = ""
		r.Try(w)
	}
	r.add(other, "")
	r.add(c, "")
	r.add(c, `"backend":"firewalld"`)
	r.Try(append(out, in...)...)
	kittest.Same(r.T, "sources",
		[]string{"10.1.0.3/32", "fd00:1::3/128", "10.1.0.2/32", "fd00:1::2/128"},
		r.sources(bus, "trusted"))
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, ""))

	kittest.Must(
		t,
		bus.Object("org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1").
			Call("org.fedoraproject.FirewallD1.reload", 0).
			Err,
	)
	want := []string{"firewall: firewalld zone trusted source 10.1.0.2: missing, not present",
		"firewall: firewalld zone trusted source fd00:1::2: missing, not present"}
	kittest.Same(r.T, "drift after a reload", want, r.drift(c, ""))
	kittest.Same(r.T, "sources after CHECK", []string{}, r.sources(bus, "trusted"))
	kittest.Same(
		r.T,
		"repaired",
		[]string{"firewalld zone trusted source 10.1.0.2",
			"firewalld zone trusted source fd00:1::2"},
		r.repair(c, ""),
	)
	r.repair(other, "")
	r.Try(append(out, in...)...)

	r.del(c.Lost(), "")
	r.del(c, "")
	kittest.Same(r.T, "sources after DEL", []string{"10.1.0.3/32", "fd00:1::3/128"},
		r.sources(bus, "trusted"))
	inv := r.invocation(other.Lost(), "")
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c3", IfName: "eth0"}}
	kittest.Must(t, r.plugin().GC(t.Context(), inv))
	kittest.Same(r.T, "sources after GC of nothing", 2, len(r.sources(bus, "trusted")))
	inv.ValidAttachments = nil
	kittest.Must(t, r.plugin().GC(t.Context(), inv))
	kittest.Same(r.T, "sources after GC", []string{}, r.sources(bus, "trusted"))
	kittest.Same(r.T, "warnings", []string(nil), r.Warnings)
}

func TestFirewalldThatRefuses(t *testing.T) {
	r := newRig(t)
	bus := r.startFirewalld()
	kittest.Must(
		t,
		r.plugin().
			Status(t.Context(), r.invocation(kittest.Paper("a", 2), `"backend":"firewalld"`)),
	)
	c := kittest.Paper("a", 2)
	zones, err := firewalld.Open(t.Context(), r.bus)
	kittest.Must(t, err)
	defer zones.Close()
	kittest.Must(t, zones.AddSource(t.Context(), "public", netip.MustParseAddr("fd00:1::2")))
	for _, test := range []struct{ members, want string }{
		{`"firewalldZone":"no-such"`, "INVALID_ZONE"},
		{"", "ZONE_CONFLICT"},
	} {
		_, err := r.plugin().Add(t.Context(), r.invocation(c, test.members))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
		if strings.Contains(kittest.Table(r.T, "inet"), "10.1.0.2") {
			t.Errorf("after %s there is left:\n%s", test.want, kittest.Table(r.T, "inet"))
		}
	}
	kittest.Same(r.T, "the trusted", []string{}, r.sources(bus, "trusted"))
	kittest.Same(r.T, "another's", []string{"fd00:1::2/128"}, r.sources(bus, "public"))
}

func TestSourcesOfTheExecutableAreRemoved(t *testing.T) {
	r := newRig(t)
	bus := r.startFirewalld()
	c := kittest.Paper("a", 2)
	r.reference("ADD", c, "nft")
	kittest.Same(r.T, "sources", 2, len(r.sources(bus, "trusted")))
	r.del(c, "")
	kittest.Same(r.T, "sources after DEL", []string{}, r.sources(bus, "trusted"))
}

func TestBusWithoutFirewalld(t *testing.T) {
	r := newRig(t)
	r.startBus()
	if _, err := firewalld.Open(t.Context(), r.bus); !errors.Is(err, firewalld.ErrNotRunning) {
		t.Errorf("got %v", err)
	}
	c := kittest.Paper("a", 2)
	r.add(c, "")
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, `"backend":"nftables"`))
	r.del(c, `"backend":"firewalld"`)
	kittest.Same(r.T, "elements", false, strings.Contains(kittest.Table(r.T, "inet"), "10.1.0.2"))
}
