package portmap_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/internal/builtin/static"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// rig is a router between an outside and containers.
type rig struct {
	*kittest.Host
	outside *kittest.Node
}

func newRig(t *testing.T) *rig {
	t.Helper()
	h, outside := kittest.NewRouter(t)
	h.Plugins = map[string]plugin.Plugin{"static": static.New()}
	return &rig{h, outside}
}

// container attaches a container to the bridge of the network "a" or "b".
func (r *rig) container(network string, number int) *kittest.Container {
	r.T.Helper()
	c := r.NewContainer(network, fmt.Sprintf("c%d", number))
	c.HostIfName = "v" + c.ID + network
	r.attachAt(c, number)
	return c
}

// attachAt attaches a container to its network with the addresses of a number.
func (r *rig) attachAt(c *kittest.Container, number int) {
	r.T.Helper()
	r.Attach(bridge.New(), c, number)
}

// config writes a configuration with mappings in JSON, and further members.
func config(mappings string, members ...string) []byte {
	return []byte(
		`{"cniVersion":"1.1.0","type":"portmap",` + strings.Join(append(members, ""),
			",") + `"runtimeConfig":{"portMappings":[` + mappings + `]}}`,
	)
}

func (r *rig) add(c *kittest.Container, config []byte) error {
	result, err := portmap.New().Add(r.T.Context(), r.Invocation(c, config))
	if err == nil && result != c.Result {
		r.T.Error("the result is not that of the plugin before")
	}
	return err
}

func (r *rig) mustAdd(c *kittest.Container, config []byte) {
	r.T.Helper()
	kittest.Must(r.T, r.add(c, config))
}

func (r *rig) del(c *kittest.Container, config []byte) error {
	return portmap.New().Del(r.T.Context(), r.Invocation(c, config))
}

func (r *rig) drift(c *kittest.Container, config []byte) []string {
	r.T.Helper()
	return kittest.Drift(r.T, portmap.New().Check(r.T.Context(), r.Invocation(c, config)))
}

// elements lists what the table has of attachments: set, and comment.
func (r *rig) elements() []string {
	r.T.Helper()
	var all []string
	kittest.Must(r.T, nft.View(r.T.Context(), func(v *nft.Reader) error {
		all = nil
		names, err := v.SetNames(nft.Own(nft.Inet))
		if err != nil {
			return err
		}
		for _, name := range names {
			elements, err := v.Elements(
				nft.Set{
					Table: nft.Own(nft.Inet),
					Name:  name,
					Key:   []nft.Type{nft.InetProto, nft.InetService},
				},
			)
			if err != nil {
				return err
			}
			for _, e := range elements {
				all = append(all, name+" "+nft.DescribeOwner(e.Comment))
			}
		}
		return nil
	}))
	return all
}

// listing is the table as nft prints it, with priorities as numbers.
func (r *rig) listing() string {
	r.T.Helper()
	return kittest.Run(r.T, "nft", "-y", "list", "table", "inet", "libcni")
}

// routeLoopback makes a node send what is to 127.0.0.1 to a gateway.
func (r *rig) routeLoopback(n *kittest.Node, gateway string) {
	r.T.Helper()
	kittest.Must(
		r.T,
		n.Conn.RemoveAddress(r.T.Context(), r.Link(n.Conn, "lo").Index,
			netip.MustParsePrefix("127.0.0.1/8")),
	)
	kittest.Must(r.T, n.Do(r.T, func() error {
		for _, link := range []string{"all", "eth0"} {
			if _, err := sysctl.Set(sysctl.Link("ipv4", link, "route_localnet"), "1"); err != nil {
				return err
			}
		}
		return nil
	}))
	kittest.Must(
		r.T,
		n.Conn.AddRoute(
			r.T.Context(),
			rtnl.Route{
				Dst:     netip.MustParsePrefix("127.0.0.0/8"),
				Gateway: netip.MustParseAddr(gateway),
			},
		),
	)
}

func (r *rig) flushChain(name string) {
	r.T.Helper()
	kittest.Must(r.T, nft.Update(r.T.Context(), r.StateDir, func(tx *nft.Tx) error {
		tx.FlushChain(nft.Chain{Table: nft.Own(nft.Inet), Name: name})
		return nil
	}))
}
