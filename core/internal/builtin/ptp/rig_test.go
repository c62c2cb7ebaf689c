package ptp_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/hostlocal"
	"github.com/libcni/libcni/core/internal/builtin/ptp"
	"github.com/libcni/libcni/core/internal/builtin/static"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

const dualStack = `"ipam":{"type":"host-local","dataDir":"DIR",
	"ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd09::/64"}]],
	"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"},{"dst":"10.8.0.0/16","mtu":1300}]}`

// rig is a host with the directory of host-local.
type rig struct {
	*kittest.Host
	leaseDir string
}

func newRig(t *testing.T) *rig { return onHost(t, kittest.NewHost(t)) }

func onHost(t *testing.T, h *kittest.Host) *rig {
	h.Plugins = map[string]plugin.Plugin{"host-local": hostlocal.New(), "static": static.New()}
	return &rig{Host: h, leaseDir: t.TempDir()}
}

func (r *rig) container(id string) *kittest.Container {
	r.T.Helper()
	return r.NewContainer("net", id)
}

// config writes a configuration; the text is JSON members, in which DIR is host-local's directory.
func (r *rig) config(members string) []byte {
	return []byte(`{"cniVersion":"1.1.0","name":"net","type":"ptp",` +
		strings.ReplaceAll(members, "DIR", r.leaseDir) + `}`)
}

func (r *rig) add(c *kittest.Container, config []byte) (*plugin.Result, error) {
	r.T.Helper()
	return ptp.New().Add(r.T.Context(), r.Invocation(c, config))
}

// mustAdd attaches a container, which remembers the result.
func (r *rig) mustAdd(c *kittest.Container, config []byte) *types100.Result {
	r.T.Helper()
	result, err := r.add(c, config)
	kittest.Must(r.T, err)
	value, err := result.Value()
	kittest.Must(r.T, err)
	c.Result = result
	return value
}

func (r *rig) check(c *kittest.Container, config []byte) []string {
	r.T.Helper()
	return kittest.Drift(r.T, ptp.New().Check(r.T.Context(), r.Invocation(c, config)))
}

func (r *rig) mustDel(inv *plugin.Invocation) {
	r.T.Helper()
	kittest.Must(r.T, ptp.New().Del(r.T.Context(), inv))
}

// state is the host, its rules, the container and the leases as text.
func (r *rig) state(c *kittest.Container) string {
	r.T.Helper()
	return fmt.Sprintf("host:\n%scontainer:\n%sleases: %v\n%s", dump(r.T, r.Conn), dump(r.T, c.Conn),
		r.leases(), kittest.Table(r.T, "inet"))
}

// dump adds to the links and addresses the routes without a gateway, which decide here.
func dump(t testing.TB, conn *rtnl.Conn) string {
	t.Helper()
	links, err := conn.Links(context.Background())
	kittest.Must(t, err)
	text := rtnltest.Dump(t, conn)
	for _, l := range links {
		routes, err := conn.Routes(context.Background(), l.Index)
		kittest.Must(t, err)
		for _, r := range routes {
			if !r.Gateway.IsValid() && !r.Dst.Addr().IsLinkLocalUnicast() && !r.Dst.Addr().IsMulticast() {
				r.Table, r.Priority = 0, 0
				text += "direct " + r.String() + " dev " + l.Name + "\n"
			}
		}
	}
	return text
}

// leases lists the addresses that host-local holds.
func (r *rig) leases() []string {
	r.T.Helper()
	return kittest.Leases(r.T, filepath.Join(r.leaseDir, "net"))
}
