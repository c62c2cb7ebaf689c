package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/builtin/hostlocal"
	"github.com/libcni/libcni/core/internal/builtin/static"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/plugin"
)

// rig is a host of the test's own with a connection to look at it.
type rig struct {
	t     *testing.T
	host  *rtnl.Conn
	state string
	store string   // host-local's
	asked []string // commands given to address plugins
}

func newRig(t *testing.T) *rig {
	t.Helper()
	netnstest.Host(t)
	s := rtnl.NewSession(nil, nil)
	t.Cleanup(s.Close)
	host, err := s.Host(t.Context())
	must(t, err)
	return &rig{t: t, host: host, state: t.TempDir(), store: t.TempDir()}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// container is a container's namespace with the identity of its attachment.
type container struct {
	id, hostIfName string
	ns             *netns.Namespace
	conn           *rtnl.Conn
}

func (r *rig) container(id string) *container {
	r.t.Helper()
	ns := netnstest.Open(r.t, netnstest.New(r.t))
	s := rtnl.NewSession(ns, nil)
	r.t.Cleanup(s.Close)
	conn, err := s.Container(r.t.Context())
	must(r.t, err)
	return &container{id: id, hostIfName: "veth" + id, ns: ns, conn: conn}
}

// config writes a configuration; the text is JSON members, in which DIR is host-local's directory.
func (r *rig) config(members string) []byte {
	return []byte(`{"cniVersion":"1.1.0","name":"net","type":"bridge","bridge":"br0",` +
		strings.ReplaceAll(members, "DIR", r.store) + `}`)
}

func (r *rig) invocation(c *container, config []byte) *plugin.Invocation {
	inv := &plugin.Invocation{Network: "net", ContainerID: c.id, IfName: "eth0", CNIVersion: "1.1.0", Config: config,
		HostIfName: c.hostIfName, StateDir: r.state}
	if c.ns != nil {
		inv.Netns, inv.NetnsPath = c.ns, c.ns.Path()
	}
	inv.Links = rtnl.NewSession(c.ns, nil)
	r.t.Cleanup(inv.Links.Close)
	inv.Delegate = func(ctx context.Context, command, pluginType string, config []byte) (*plugin.Result, error) {
		r.asked = append(r.asked, command+" "+pluginType)
		inner := *inv
		inner.Command, inner.Config = command, config
		return ipam(ctx, pluginType, &inner)
	}
	inv.TraitsOf = func(pluginType string) plugin.Traits {
		return plugin.Traits{IPAM: true, NeedsLink: pluginType == "dhcp"}
	}
	return inv
}

func ipam(ctx context.Context, pluginType string, inv *plugin.Invocation) (*plugin.Result, error) {
	p := map[string]plugin.Plugin{"host-local": hostlocal.New(), "static": static.New()}[pluginType]
	if p == nil {
		return nil, fault.New(fault.KindPluginNotFound, nil, "no plugin %s", pluginType)
	}
	switch inv.Command {
	case plugin.Add:
		return p.Add(ctx, inv)
	case plugin.Del:
		return nil, p.Del(ctx, inv)
	case plugin.Check:
		return nil, p.Check(ctx, inv)
	case plugin.GC:
		return nil, p.GC(ctx, inv)
	default:
		return nil, p.Status(ctx, inv)
	}
}

func (r *rig) add(c *container, config []byte) (*plugin.Result, error) {
	return bridge.New().Add(r.t.Context(), r.invocation(c, config))
}

func (r *rig) mustAdd(c *container, config []byte) *types100.Result {
	r.t.Helper()
	result, err := r.add(c, config)
	must(r.t, err)
	value, err := result.Value()
	must(r.t, err)
	return value
}

func (r *rig) del(c *container, config []byte) error {
	return bridge.New().Del(r.t.Context(), r.invocation(c, config))
}

func (r *rig) check(c *container, config []byte, was *types100.Result) error {
	inv := r.invocation(c, config)
	inv.PrevResult = plugin.NewResult(was)
	return bridge.New().Check(r.t.Context(), inv)
}

func (r *rig) link(conn *rtnl.Conn, name string) *rtnl.Link {
	r.t.Helper()
	l, err := conn.LinkByName(r.t.Context(), name)
	must(r.t, err)
	return l
}

// leases lists the addresses that host-local holds.
func (r *rig) leases() []string {
	r.t.Helper()
	files, err := os.ReadDir(filepath.Join(r.store, "net"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		if _, err := netip.ParseAddr(f.Name()); err == nil {
			found = append(found, f.Name())
		}
	}
	return found
}

func (r *rig) same(what, want, got string) {
	r.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (r *rig) dumps(c *container) string {
	r.t.Helper()
	return fmt.Sprintf("host:\n%scontainer:\n%sleases: %v\n", rtnltest.Dump(r.t, r.host), rtnltest.Dump(r.t, c.conn), r.leases())
}

const (
	hostLocal = `"ipam":{"type":"host-local","dataDir":"DIR","ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd09::/64"}]],"routes":[{"dst":"10.8.0.0/16","mtu":1300},{"dst":"fd08::/32"}]}`
	bridgeOf  = `br0 bridge mtu 1500 up
`
)
