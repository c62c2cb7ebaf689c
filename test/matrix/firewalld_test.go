package matrix

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/libcni/libcni/test/rig"
)

const (
	firewalldName = "org.fedoraproject.FirewallD1"
	firewalldPath = "/org/fedoraproject/FirewallD1"
	systemBus     = "/run/dbus/system_bus_socket"
)

// startFirewalld runs a system bus and a firewalld that drops what comes from anywhere but the LAN.
func (w *world) startFirewalld() {
	w.T.Helper()
	w.startBus()
	bus := w.bus()
	changes := make(chan *dbus.Signal, 100)
	bus.Signal(changes)
	rig.Must(w.T, bus.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged")))
	w.Write("firewalld/firewalld.conf", "FirewallBackend=nftables\nDefaultZone=drop\n", 0o644)
	w.Write("firewalld/zones/trusted.xml",
		`<zone target="ACCEPT"><short>Trusted</short><interface name="lan0"/><interface name="lo"/></zone>`,
		0o644)
	daemon := exec.Command("firewalld", "--nofork", "--nopid", "--log-target=file",
		"--log-file="+w.Path("firewalld.log"), "--system-config="+w.Path("firewalld"))
	daemon.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	w.start(daemon)
	for late := time.After(time.Minute); ; {
		select {
		case s := <-changes:
			if len(s.Body) == 3 && s.Body[0] == firewalldName && s.Body[2] != "" {
				w.callFirewalld("getDefaultZone") // it answers once its rules are there
				return
			}
		case <-late:
			log, _ := os.ReadFile(w.Path("firewalld.log"))
			w.T.Fatalf("firewalld does not start: %s", log)
		}
	}
}

func (w *world) startBus() {
	w.T.Helper()
	rig.Must(w.T, os.Mkdir("/run/dbus", 0o755))
	w.Write("bus.conf", fmt.Sprintf(`<busconfig><type>system</type><listen>unix:path=%s</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, systemBus), 0o644)
	daemon := exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--print-address",
		"--config-file="+w.Path("bus.conf"))
	out, err := daemon.StdoutPipe()
	rig.Must(w.T, err)
	w.start(daemon)
	_, err = bufio.NewReader(out).ReadString('\n') // it listens
	rig.Must(w.T, err)
}

// bus connects to the bus, whose socket only the test's thread sees.
func (w *world) bus() *dbus.Conn {
	w.T.Helper()
	bus, err := dbus.Connect("unix:path=/proc/thread-self/root" + systemBus)
	rig.Must(w.T, err)
	w.T.Cleanup(func() { bus.Close() })
	return bus
}

func (w *world) callFirewalld(method string) {
	w.T.Helper()
	rig.Must(w.T, w.bus().Object(firewalldName, firewalldPath).Call(firewalldName+"."+method, 0).Err)
}

// start runs a program until the end of the test, in the namespaces of the test's thread.
func (w *world) start(cmd *exec.Cmd) {
	w.T.Helper()
	rig.Must(w.T, cmd.Start())
	w.T.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}
