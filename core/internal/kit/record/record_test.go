package record

import (
	"errors"
	"net"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

func of(hostIfName string, result *types100.Result) *plugin.Invocation {
	inv := &plugin.Invocation{IfName: "eth0", HostIfName: hostIfName}
	if result != nil {
		inv.PrevResult = plugin.NewResult(result)
	}
	return inv
}

func TestHostName(t *testing.T) {
	bridge, port := &types100.Interface{Name: "br0"}, &types100.Interface{Name: "veth1"}
	end := &types100.Interface{Name: "eth0", Sandbox: "/netns"}
	for _, c := range []struct {
		name       string
		hostIfName string
		interfaces []*types100.Interface
		want       string
	}{
		{"from the state", "veth9", []*types100.Interface{port, end}, "veth9"},
		{"of ptp", "", []*types100.Interface{port, end}, "veth1"},
		{"of bridge", "", []*types100.Interface{bridge, port, end, {Name: "br0.7"}}, "veth1"},
		{"no container", "", []*types100.Interface{bridge, port}, ""},
		{"behind another interface of the container", "",
			[]*types100.Interface{{Name: "eth1", Sandbox: "/netns"}, end}, ""},
		{"no interfaces", "", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := &types100.Result{Interfaces: c.interfaces}
			if got := Known(of(c.hostIfName, result)).HostName(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestOnlyTheContainersAddressesCount(t *testing.T) {
	address := func(last byte, index *int) *types100.IPConfig {
		return &types100.IPConfig{Interface: index,
			Address: net.IPNet{IP: net.IPv4(10, 0, 0, last), Mask: net.CIDRMask(24, 32)}}
	}
	result := &types100.Result{
		Interfaces: []*types100.Interface{{Name: "veth1"}, {Name: "eth0", Sandbox: "/netns",
			Mac: "02:00:00:00:00:01"}},
		IPs: []*types100.IPConfig{address(1, types100.Int(0)), address(2, types100.Int(1)),
			address(3, nil)},
	}
	was := Known(of("", result))
	if got := was.Addresses(); len(got) != 2 || got[0].String() != "10.0.0.2/24" ||
		got[1].String() != "10.0.0.3/24" {
		t.Errorf("addresses: %v", got)
	}
	if got := was.ContainerMAC().String(); got != "02:00:00:00:00:01" {
		t.Errorf("MAC address: %s", got)
	}
}

func TestCheckRequiresTheResult(t *testing.T) {
	var f *fault.Error
	if _, err := Required(of("", nil)); !errors.As(err, &f) || f.Kind != fault.KindInvalidConfig {
		t.Errorf("got %v", err)
	}
	if was := Known(of("", nil)); was.HostName() != "" || was.Addresses() != nil ||
		was.ContainerMAC() != nil {
		t.Errorf("without a result: %+v", was)
	}
}
