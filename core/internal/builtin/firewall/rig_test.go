package firewall

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/internal/builtin/static"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// rig is a router between an outside and containers, and a place for a system bus.
type rig struct {
	*kittest.Host
	outside *kittest.Node
	bus     string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	h, outside := kittest.NewRouter(t)
	h.Plugins = map[string]plugin.Plugin{"static": static.New()}
	return &rig{Host: h, outside: outside, bus: filepath.Join(t.TempDir(), "bus")}
}

// bridgeNetfilter says whether bridged packets pass the host's forwarding, on a kernel that can
// make them.
func (r *rig) bridgeNetfilter(value string) {
	r.T.Helper()
	for _, key := range []string{"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"} {
		if _, err := sysctl.Set(key, value); value == "1" && errors.Is(err, fs.ErrNotExist) {
			r.T.Skip("the kernel lacks br_netfilter")
		} else if !errors.Is(err, fs.ErrNotExist) {
			kittest.Must(r.T, err)
		}
	}
}

// container attaches a container to the bridge of a network; no more than that.
func (r *rig) container(network string, number int) *kittest.Container {
	r.T.Helper()
	c := r.NewContainer(network, fmt.Sprintf("c%d", number))
	c.HostIfName = "v" + c.ID + network
	r.Attach(bridge.New(), c, number)
	return c
}

// written is a configuration with further members.
func written(members string) []byte {
	if members != "" {
		members = "," + members
	}
	return []byte(`{"cniVersion":"1.1.0","name":"net","type":"firewall"` + members + `}`)
}

func (r *rig) plugin() firewall { return firewall{bus: r.bus} }

func (r *rig) invocation(c *kittest.Container, members string) *plugin.Invocation {
	return r.Invocation(c, written(members))
}

func (r *rig) add(c *kittest.Container, members string) {
	r.T.Helper()
	result, err := r.plugin().Add(r.T.Context(), r.invocation(c, members))
	kittest.Must(r.T, err)
	if result != c.Result {
		r.T.Error("the result is not that of the plugin before")
	}
}

func (r *rig) del(c *kittest.Container, members string) {
	r.T.Helper()
	kittest.Must(r.T, r.plugin().Del(r.T.Context(), r.invocation(c, members)))
}

func (r *rig) drift(c *kittest.Container, members string) []string {
	r.T.Helper()
	return kittest.Drift(r.T, r.plugin().Check(r.T.Context(), r.invocation(c, members)))
}

func (r *rig) repair(c *kittest.Container, members string) []string {
	r.T.Helper()
	return r.Repair(r.plugin(), r.invocation(c, members))
}

// publish makes port 80 of the host lead to port 7000 of the container.
func (r *rig) publish(c *kittest.Container) { r.T.Helper(); r.publishAt(c, 80) }

func (r *rig) publishAt(c *kittest.Container, port int) {
	r.T.Helper()
	config := fmt.Sprintf(`{"cniVersion":"1.1.0","name":"net","type":"portmap",
		"runtimeConfig":{"portMappings":[
			{"hostPort":%[1]d,"containerPort":7000,"protocol":"tcp"},
			{"hostPort":%[1]d,"containerPort":7000,"protocol":"udp"}]}}`, port)
	_, err := portmap.New().Add(r.T.Context(), r.Invocation(c, []byte(config)))
	kittest.Must(r.T, err)
}

// at joins an address and the port of the tests' servers.
func at(address string) string { return kittest.Port(address, "7000") }

// path is traffic to try.
func path(name string, from *kittest.Node, to, want string) kittest.Path {
	return kittest.Path{Name: name, From: from, To: to, Want: want}
}
