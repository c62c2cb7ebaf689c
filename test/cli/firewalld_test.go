package cli

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/libcni/libcni/test/rig"
)

const (
	systemBus = "/run/dbus/system_bus_socket"

	busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=` + systemBus + `</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`
)

// program is one that runs until the end of the test, or until stop.
type program struct {
	cmd   *exec.Cmd
	lines chan string // of standard output and standard error
}

// begin starts a program in the network of the host.
func (h *host) begin(name string, arguments ...string) *program {
	h.T.Helper()
	p := &program{exec.Command(name, arguments...), make(chan string, 1000)}
	read, write, err := os.Pipe()
	rig.Must(h.T, err)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = write, write, h.env
	rig.Must(h.T, p.cmd.Start())
	write.Close()
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(read); s.Scan(); {
			p.lines <- s.Text()
		}
		read.Close()
	}()
	h.T.Cleanup(func() { p.stop() })
	return p
}

// stop ends the program and returns its exit status.
func (p *program) stop() int {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
	return p.cmd.ProcessState.ExitCode()
}

// until waits for a line of the program that contains the text, and fails without one.
func (h *host) until(p *program, text string) {
	h.T.Helper()
	late := time.After(time.Minute)
	var seen []string
	for {
		select {
		case line, more := <-p.lines:
			if strings.Contains(line, text) {
				return
			}
			if seen = append(seen, line); !more {
				h.T.Fatalf("%s ended without %q:\n%s", p.cmd.Args[0], text, strings.Join(seen, "\n"))
			}
		case <-late:
			h.T.Fatalf("%s does not print %q:\n%s", p.cmd.Args[0], text, strings.Join(seen, "\n"))
		}
	}
}

// startBus runs a system bus of the test's own; /run is private.
func (h *host) startBus() {
	h.T.Helper()
	rig.Must(h.T, os.MkdirAll(filepath.Dir(systemBus), 0o755))
	h.T.Cleanup(func() { _ = os.Remove(systemBus) })
	h.Write("bus.conf", busConfig, 0o644)
	h.until(h.begin("dbus-daemon", "--nofork", "--nopidfile", "--print-address",
		"--config-file="+h.Path("bus.conf")), "unix:path=")
}

// startFirewalld runs firewalld until it answers.
func (h *host) startFirewalld() *program {
	h.T.Helper()
	bus, err := dbus.Connect("unix:path=" + systemBus)
	rig.Must(h.T, err)
	defer bus.Close()
	changes := make(chan *dbus.Signal, 100)
	bus.Signal(changes)
	const name = "org.fedoraproject.FirewallD1"
	rig.Must(h.T, bus.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"),
		dbus.WithMatchArg(0, name)))

	h.Write("firewalld/firewalld.conf", "FirewallBackend=nftables\nDefaultZone=block\n", 0o644)
	daemon := h.begin("firewalld", "--nofork", "--nopid", "--log-target=file",
		"--log-file="+h.Path("firewalld.log"), "--system-config="+h.Path("firewalld"))
	late := time.After(time.Minute)
	for {
		select {
		case s := <-changes:
			if len(s.Body) == 3 && s.Body[2] != "" {
				rig.Run(h.T, "firewall-cmd", "--state")
				return daemon
			}
		case <-late:
			log, _ := os.ReadFile(h.Path("firewalld.log"))
			h.T.Fatalf("firewalld does not come: %s", log)
		}
	}
}

// sources are those of the zone that containers' addresses are in.
func (h *host) sources() string {
	h.T.Helper()
	return strings.TrimSpace(rig.Run(h.T, "firewall-cmd", "--zone=trusted", "--list-sources"))
}

// filtered configures a network with rules of every plugin.
func (h *host) filtered(name, subnet string) {
	h.T.Helper()
	h.bridge(name, subnet, "", `,{"type":"portmap","capabilities":{"portMappings":true}},
		{"type":"firewall"}`)
}
