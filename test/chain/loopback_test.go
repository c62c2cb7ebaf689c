package chain

import (
	"testing"
	"time"

	"github.com/libcni/libcni/test/rig"
)

// TestServicesOnLoopbackStayClosed has a service of the host on 127.0.0.1, and a container with a
// published port that routes 127.0.0.0/8 to the host. The service answers only processes of the
// host, whoever removes the rules; the published port answers them on 127.0.0.1.
func TestServicesOnLoopbackStayClosed(t *testing.T) {
	h := newHost(t)
	p := h.start()
	netns := p.namespace("c1")
	c := h.attachment("a", "c1", netns, 8000)
	p.must("add", c)
	h.Serve("", "127.0.0.1:9000", "")
	h.Serve(netns, ":80", "")
	rig.Run(t, "nsenter", "--net="+netns, "sh", "-ec",
		`ip addr del 127.0.0.1/8 dev lo
		ip route add 127.0.0.0/8 via 10.1.0.1
		for link in all eth0; do echo 1 >/proc/sys/net/ipv4/conf/$link/route_localnet; done`)
	closed := func(when string) {
		t.Helper()
		for _, address := range []string{"127.0.0.1:9000", "192.0.0.8:9000"} {
			if got := h.Who(netns, address, 300*time.Millisecond); got != "" {
				t.Errorf("%s: the container reaches %s as %s", when, address, got)
			}
		}
		if got := h.Who("", "127.0.0.1:9000", patience); got != "127.0.0.1" {
			t.Errorf("%s: the host's service sees %q", when, got)
		}
	}
	published := func(when string) {
		t.Helper()
		if got := h.Who("", "127.0.0.1:8000", patience); got != "10.1.0.1" {
			t.Errorf("%s: the container sees %q", when, got)
		}
	}

	closed("with the rules")
	published("with the rules")
	rig.Run(t, "nft", "flush", "ruleset")
	closed("after a flush")
	h.command("repair", "--all")
	closed("after the repair")
	published("after the repair")
	p.must("del", c)
	closed("after DEL")
}
