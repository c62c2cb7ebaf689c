package bridge_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/builtin/hostlocal"
	"github.com/libcni/libcni/core/internal/builtin/static"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

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

// container makes a container of the network "net".
func (r *rig) container(id string) *kittest.Container {
	r.T.Helper()
	return r.NewContainer("net", id)
}

// config writes a configuration; the text is JSON members, in which DIR is host-local's directory.
func (r *rig) config(members string) []byte {
	return []byte(`{"cniVersion":"1.1.0","name":"net","type":"bridge","bridge":"br0",` +
		strings.ReplaceAll(members, "DIR", r.leaseDir) + `}`)
}

func (r *rig) add(c *kittest.Container, config []byte) (*plugin.Result, error) {
	return bridge.New().Add(r.T.Context(), r.Invocation(c, config))
}

func (r *rig) mustAdd(c *kittest.Container, config []byte) *types100.Result {
	r.T.Helper()
	result, err := r.add(c, config)
	kittest.Must(r.T, err)
	value, err := result.Value()
	kittest.Must(r.T, err)
	return value
}

func (r *rig) del(c *kittest.Container, config []byte) error {
	return bridge.New().Del(r.T.Context(), r.Invocation(c, config))
}

func (r *rig) check(c *kittest.Container, config []byte, was *types100.Result) error {
	inv := r.Invocation(c, config)
	inv.PrevResult = plugin.NewResult(was)
	return bridge.New().Check(r.T.Context(), inv)
}

// leases lists the addresses that host-local holds.
func (r *rig) leases() []string {
	r.T.Helper()
	return kittest.Leases(r.T, filepath.Join(r.leaseDir, "net"))
}

func (r *rig) dumps(c *kittest.Container) string {
	r.T.Helper()
	return fmt.Sprintf("host:\n%scontainer:\n%sleases: %v\n", rtnltest.Dump(r.T, r.Conn),
		rtnltest.Dump(r.T, c.Conn), r.leases())
}

const (
	hostLocal = `"ipam":{"type":"host-local","dataDir":"DIR","ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd09::/64"}]],"routes":[{"dst":"10.8.0.0/16","mtu":1300},{"dst":"fd08::/32"}]}`
	bridgeOf  = `br0 bridge mtu 1500 up
`
)
