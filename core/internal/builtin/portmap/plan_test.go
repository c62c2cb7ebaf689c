package portmap

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// result has addresses "ADDRESS INTERFACE", of a container's eth0 and net1, and a link of the host.
func result(addresses ...string) *plugin.Result {
	r := &types100.Result{
		Interfaces: []*types100.Interface{
			{Name: "br0"},
			{Name: "eth0", Sandbox: "/ns"},
			{Name: "net1", Sandbox: "/ns"},
		},
	}
	for _, a := range addresses {
		var text string
		var index int
		_, _ = fmt.Sscan(a, &text, &index)
		prefix := netip.MustParsePrefix(text)
		ip := &types100.IPConfig{
			Address: net.IPNet{
				IP:   prefix.Addr().AsSlice(),
				Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
			},
		}
		if index >= 0 {
			ip.Interface = types100.Int(index)
		}
		r.IPs = append(r.IPs, ip)
	}
	return plugin.NewResult(r)
}

func TestPlan(t *testing.T) {
	const one = `{"hostPort":8080,"containerPort":80}`
	dual := []string{"10.1.0.2/24 1", "fd00::2/64 1"}
	for _, c := range []struct {
		name, config string
		addresses    []string
		ports        []string
		masquerade   []string // family and from where
		local        string
		key          string // of the refusal
	}{
		{name: "both families", config: mappings(one), addresses: dual,
			ports:      []string{"tcp 8080 to 10.1.0.2:80", "tcp 8080 to [fd00::2]:80"},
			masquerade: []string{"4 [10.1.0.0/24 127.0.0.0/8]", "6 [fd00::/64]"}, local: "10.1.0.2"},
		{name: "first address of each family, and of the interface", config: mappings(one),
			addresses:  []string{"10.9.0.1/24 0", "10.8.0.2/24 2", "10.1.0.2/24 1", "10.1.0.3/24 1"},
			ports:      []string{"tcp 8080 to 10.1.0.2:80"},
			masquerade: []string{"4 [10.1.0.0/24 127.0.0.0/8]"}, local: "10.1.0.2"},
		{name: "addresses that name no interface", config: mappings(one),
			addresses:  []string{"10.1.0.2/24 -1"},
			ports:      []string{"tcp 8080 to 10.1.0.2:80"},
			masquerade: []string{"4 [10.1.0.0/24 127.0.0.0/8]"}, local: "10.1.0.2"},
		{name: "range",
			config: mappings(
				`{"hostPort":8080,"containerPort":80,"range":3,"protocol":"sctp","hostIP":"0.0.0.0"}`),
			addresses:  dual,
			ports:      []string{"sctp 8080-8082 to 10.1.0.2:80"},
			masquerade: []string{"4 [10.1.0.0/24 127.0.0.0/8]"}, local: "10.1.0.2"},
		{name: "one address",
			config: mappings(`{"hostPort":8080,"containerPort":80,"hostIP":"192.0.2.1"}`), addresses: dual,
			ports:      []string{"tcp 192.0.2.1:8080 to 10.1.0.2:80"},
			masquerade: []string{"4 [10.1.0.0/24 127.0.0.0/8]"}},
		{name: "localhost", config: mappings(`{"hostPort":8080,"containerPort":80,"hostIP":"127.0.0.1"}`),
			addresses:  dual,
			ports:      []string{"tcp 127.0.0.1:8080 to 10.1.0.2:80"},
			masquerade: []string{"4 [10.1.0.0/24 127.0.0.0/8]"}, local: "10.1.0.2"},
		{name: "no masquerade", config: `{"snat":false,` + mappings(one)[1:], addresses: dual,
			ports: []string{"tcp 8080 to 10.1.0.2:80", "tcp 8080 to [fd00::2]:80"}, local: "10.1.0.2"},
		{name: "no masquerade, of anything", config: `{"snat":false,"masqAll":true,` + mappings(one)[1:],
			addresses: dual,
			ports:     []string{"tcp 8080 to 10.1.0.2:80", "tcp 8080 to [fd00::2]:80"},
			local:     "10.1.0.2"},
		{name: "masquerade of everything", config: `{"masqAll":true,` + mappings(one)[1:],
			addresses:  dual,
			ports:      []string{"tcp 8080 to 10.1.0.2:80", "tcp 8080 to [fd00::2]:80"},
			masquerade: []string{"4 [0.0.0.0/0]", "6 [::/0]"}, local: "10.1.0.2"},
		{
			name:   "all addresses of a family that the container lacks",
			config: mappings(`{"hostPort":8080,"containerPort":80,"hostIP":"::"}`), addresses: dual[:1],
			key: "runtimeConfig.portMappings[0].hostIP",
		},
		{
			name:      "all addresses of IPv4, which the container lacks",
			config:    mappings(`{"hostPort":8080,"containerPort":80,"hostIP":"0.0.0.0"}`),
			addresses: dual[1:], key: "runtimeConfig.portMappings[0].hostIP",
		},
		{
			name: "entries that continue each other",
			config: mappings(`{"hostPort":82,"containerPort":82,"hostIP":"0.0.0.0"},` +
				`{"hostPort":80,"containerPort":80,"range":2,"hostIP":"0.0.0.0"},` +
				`{"hostPort":83,"containerPort":84,"hostIP":"0.0.0.0"},` +
				`{"hostPort":84,"containerPort":84,"hostIP":"0.0.0.0","protocol":"udp"}`),
			addresses: dual,
			ports: []string{"tcp 80-82 to 10.1.0.2:80", "tcp 83 to 10.1.0.2:84",
				"udp 84 to 10.1.0.2:84"},
			masquerade: []string{"4 [10.1.0.0/24 127.0.0.0/8]"}, local: "10.1.0.2",
		},
		{name: "an address of a family that the container lacks",
			config: mappings(`{"hostPort":8080,"containerPort":80,"hostIP":"fd00::9"}`), addresses: dual[:1],
			key: "runtimeConfig.portMappings[0].hostIP"},
		{
			name: "no address", config: mappings(one), addresses: []string{"10.1.0.1/24 0"},
			key: "prevResult",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, err := parse([]byte(c.config))
			if err != nil {
				t.Fatal(err)
			}
			p, err := newPlan(
				conf,
				&plugin.Invocation{
					Network:     "n",
					ContainerID: "c",
					IfName:      "eth0",
					PrevResult:  result(c.addresses...),
				},
			)
			var f *fault.Error
			if c.key != "" {
				if !errors.As(err, &f) || f.Kind != fault.KindInvalidConfig || f.Details != c.key {
					t.Errorf("got %v, want a refusal of %s", err, c.key)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var ports, masquerade []string
			for _, port := range p.ports {
				ports = append(ports, port.String()+" to "+port.to.String())
				comesBack(t, port, port.redirects("-x", false))
				comesBack(t, port, port.redirects("-x", true))
			}
			for _, target := range p.used() {
				if len(target.sources) > 0 {
					masquerade = append(masquerade,
						fmt.Sprintf("%d %s", target.family, target.sources))
				}
			}
			local := ""
			if p.servesLoopback() {
				local = p.address4().String()
			}
			for _, diff := range []string{
				cmp.Diff(c.ports, ports), cmp.Diff(c.masquerade, masquerade), cmp.Diff(c.local, local),
			} {
				if diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// comesBack decodes the elements of a port, which must be the port again.
func comesBack(t *testing.T, want port, redirects []item) {
	t.Helper()
	var all []port
	for _, i := range redirects {
		one, ok := redirected(i)
		if !ok {
			t.Errorf("%s: %+v is not decoded", want, i)
		}
		all = append(all, one)
	}
	if all = joined(all); len(all) != 1 || all[0] != want {
		t.Errorf("%s comes back as %v", want, all)
	}
}

func TestSetsAreKnownByTheirNames(t *testing.T) {
	for _, f := range families() {
		for _, suffix := range []string{"", suffixOf("net")} {
			if s, found := setNamed(anyHost(f, suffix).Name); !found ||
				s.Name != anyHost(f, suffix).Name ||
				len(s.Key) != 2 {
				t.Errorf("%s is taken for %+v", anyHost(f, suffix).Name, s)
			}
			if s, found := setNamed(oneHost(f, suffix).Name); !found ||
				s.Name != oneHost(f, suffix).Name ||
				len(s.Key) != 3 {
				t.Errorf("%s is taken for %+v", oneHost(f, suffix).Name, s)
			}
			for _, want := range redirectMaps(f, suffix) {
				if got, _ := setNamed(want.Name); !reflect.DeepEqual(got, want) {
					t.Errorf("%s is taken for %+v", want.Name, got)
				}
			}
		}
		for _, want := range append(claimSets(f), linked(f)) {
			if got, _ := setNamed(want.Name); !reflect.DeepEqual(got, want) {
				t.Errorf("%s is taken for %+v", want.Name, got)
			}
		}
		masquerade := masqueraded(f, "net", []netip.Prefix{loopbackNetwork()}).Name
		for name, role := range map[string]role{claims(f).Name: portClaims,
			hostClaims(f).Name: portClaims,
			masquerade:         masquerades, localnet("br0").Name: localnets} {
			if s, found := setNamed(name); !found || s.Name != name || s.role != role {
				t.Errorf("%s is taken for %+v", name, s)
			}
		}
	}
	for _, name := range []string{
		"", "portmap", "portmap4x", "portmap-owners", "masquerade4", "other",
	} {
		if s, found := setNamed(name); found {
			t.Errorf("%s is taken for %s", name, s.Name)
		}
	}
}
