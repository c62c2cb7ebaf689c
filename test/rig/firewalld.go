package rig

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	firewalldName = "org.fedoraproject.FirewallD1"
	firewalldPath = "/org/fedoraproject/FirewallD1"
	systemBus     = "/run/dbus/system_bus_socket"
)

// StartFirewalld runs a system bus and a firewalld that drops what comes from anywhere but the
// trusted links. The host has mounts of its own: see IsolateMounts.
func (h *Host) StartFirewalld(trusted ...string) {
	h.T.Helper()
	h.startBus()
	bus := h.bus()
	changes := make(chan *dbus.Signal, 100)
	bus.Signal(changes)
	Must(h.T, bus.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged")))
	h.Write("firewalld/firewalld.conf", "FirewallBackend=nftables\nDefaultZone=drop\n", 0o644)
	var links strings.Builder
	for _, name := range append(trusted, "lo") {
		fmt.Fprintf(&links, `<interface name="%s"/>`, name)
	}
	h.Write("firewalld/zones/trusted.xml", `<zone target="ACCEPT"><short>Trusted</short>`+
		links.String()+`</zone>`, 0o644)
	daemon := exec.Command("firewalld", "--nofork", "--nopid", "--log-target=file",
		"--log-file="+h.Path("firewalld.log"), "--system-config="+h.Path("firewalld"))
	daemon.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	h.start(daemon)
	for late := time.After(time.Minute); ; {
		select {
		case s := <-changes:
			if len(s.Body) == 3 && s.Body[0] == firewalldName && s.Body[2] != "" {
				h.CallFirewalld("getDefaultZone", nil) // it answers once its rules are there
				return
			}
		case <-late:
			log, _ := os.ReadFile(h.Path("firewalld.log"))
			h.T.Fatalf("firewalld does not start: %s", log)
		}
	}
}

func (h *Host) startBus() {
	h.T.Helper()
	Must(h.T, os.Mkdir("/run/dbus", 0o755))
	h.Write("bus.conf", fmt.Sprintf(`<busconfig><type>system</type><listen>unix:path=%s</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, systemBus), 0o644)
	daemon := exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--print-address",
		"--config-file="+h.Path("bus.conf"))
	out, err := daemon.StdoutPipe()
	Must(h.T, err)
	h.start(daemon)
	_, err = bufio.NewReader(out).ReadString('\n') // it listens
	Must(h.T, err)
}

// bus connects to the bus, whose socket only the test's thread sees.
func (h *Host) bus() *dbus.Conn {
	h.T.Helper()
	bus, err := dbus.Connect("unix:path=/proc/thread-self/root" + systemBus)
	Must(h.T, err)
	h.T.Cleanup(func() { bus.Close() })
	return bus
}

// CallFirewalld calls a method of firewalld with some texts, and stores the answer, if wanted.
func (h *Host) CallFirewalld(method string, texts []any, answer ...any) {
	h.T.Helper()
	call := h.bus().Object(firewalldName, firewalldPath).Call(firewalldName+"."+method, 0, texts...)
	Must(h.T, call.Err)
	if len(answer) > 0 {
		Must(h.T, call.Store(answer...))
	}
}

// start runs a program until the end of the test, in the namespaces of the test's thread.
func (h *Host) start(cmd *exec.Cmd) {
	h.T.Helper()
	Must(h.T, cmd.Start())
	h.T.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}
