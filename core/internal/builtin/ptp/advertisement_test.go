package ptp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/builtin/ptp"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// TestAdvertisements: containers and the host do not configure each other, and the host still
// configures its uplink.
func TestAdvertisements(t *testing.T) {
	r := newRig(t)
	router := r.NewUplink("up0")
	c, asks := r.container("c1"), r.container("c2")
	config := r.config(dualStack)
	r.mustAdd(c, config)
	r.mustAdd(asks, r.config(`"acceptRA":true,`+dualStack))
	if !r.Hears(router, "eth0", "2001:db8:1::", &r.Node, nil) {
		t.Error("the host does not hear the advertisements of its uplink")
	}
	if !r.Hears(&r.Node, "vethc2", "2001:db8:2::", &asks.Node, nil) {
		t.Error("a container that asks for advertisements does not hear them")
	}
	r.Advertise(&r.Node, "vethc1", "2001:db8:3::")

	kittest.Same(t, "drift", []string(nil), r.check(c, config))
	for name, node := range map[string]*kittest.Node{"vethc1": &r.Node, "eth0": &c.Node} {
		kittest.Must(t, node.Do(t, func() error {
			_, err := sysctl.Set(sysctl.Link("ipv6", name, "accept_ra"), "1")
			return err
		}))
	}
	kittest.Same(t, "drift", []string{"ptp: link eth0 accept_ra: 1, not 0",
		"ptp: link vethc1 accept_ra: 1, not 0"}, kittest.Sorted(r.check(c, config)))
	kittest.Same(t, "repaired", []string{"link eth0 accept_ra", "link vethc1 accept_ra"},
		kittest.Sorted(r.Repair(ptp.New(), r.Invocation(c, config))))
	kittest.Same(t, "drift", []string(nil), r.check(c, config))
}

// TestWithoutSysctls attaches a container where settings cannot be written.
func TestWithoutSysctls(t *testing.T) {
	kittest.WithoutSysctls(t, func(t *testing.T, hide func(*testing.T)) {
		h, outside := kittest.NewRouter(t)
		r := onHost(t, h)
		c := r.container("c1")
		r.Serve(&c.Node, ":7000", "c1")
		hide(t)
		config := r.config(dualStack)
		r.mustAdd(c, config)
		for _, address := range []string{"10.9.0.2", "fd09::2"} {
			if got := r.Ask(outside, "udp", kittest.Port(address, "7000"),
				500*time.Millisecond); !strings.HasPrefix(got, "c1 ") {
				t.Errorf("%s answers %q", address, got)
			}
		}
		if len(r.Warnings) == 0 {
			t.Error("no warning")
		}
		kittest.Same(t, "drift", []string(nil), r.check(c, config))
		r.mustDel(r.Invocation(c, config))
	})
}

// TestRepairedHostsEndIsReachedAtOnce: the kernel gives a link that comes up a link-local address
// that is tentative.
func TestRepairedHostsEndIsReachedAtOnce(t *testing.T) {
	h, outside := kittest.NewRouter(t)
	r := onHost(t, h)
	c := r.container("c1")
	r.Serve(&c.Node, ":7000", "c1")
	config := r.config(dualStack)
	r.mustAdd(c, config)
	port := r.Link(r.Conn, "vethc1").Index
	kittest.Must(t, r.Conn.SetLink(t.Context(), port, rtnl.Change{Down: true}))
	r.Repair(ptp.New(), r.Invocation(c, config))
	if got := r.Ask(outside, "udp", "[fd09::2]:7000", time.Second); !strings.HasPrefix(got, "c1 ") {
		t.Errorf("the container answers %q", got)
	}
}
