package portmap_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// TestPortsThatOtherToolsHold publishes ports for which another tool has a rule: ADD warns of them
// by name, or refuses them, and leaves those of others alone.
func TestPortsThatOtherToolsHold(t *testing.T) {
	const docker = `iptables -t nat -N DOCKER
		iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to 172.17.0.2:80`
	const reference = `iptables -t nat -N CNI-HOSTPORT-DNAT
		iptables -t nat -A CNI-HOSTPORT-DNAT -p tcp -m comment --comment 'dnat name: "n" id: "x"' \
		-m multiport --destination-ports 81,8080 -j RETURN`
	const tables = `nft -f - <<-END
		table ip6 cni_hostport {
			chain hostports { tcp dport 8080 dnat to [fd00::2]:80 comment "x"; }
		}
		END`
	const netavark = `nft -f - <<-END
		table inet netavark {
			chain NETAVARK-HOSTPORT-DNAT { tcp dport 8000-8100 accept; }
		}
		END`
	for _, c := range []struct{ name, rules, want string }{
		{"Docker", docker, "Docker has a rule for it (chain DOCKER of the table nat)"},
		{"reference, iptables", reference, "the reference plugin has a rule for it " +
			`(chain CNI-HOSTPORT-DNAT of the table nat, comment "dnat name: \"n\" id: \"x\"")`},
		{"reference, nftables, IPv6", tables, "the reference plugin has a rule for it " +
			`(chain hostports of the table cni_hostport, comment "x")`},
		{"netavark", netavark,
			"netavark has a rule for it (chain NETAVARK-HOSTPORT-DNAT of the table netavark)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			one, two := r.container("a", 2), r.container("a", 3)
			r.mustAdd(one, config(`{"hostPort":7000,"containerPort":80}`))
			kittest.Run(t, "sh", "-ec", c.rules)
			r.mustAdd(two, config(`{"hostPort":8080,"containerPort":80,"protocol":"udp"},`+
				`{"hostPort":8101,"containerPort":80}`))
			kittest.Same(t, "warnings of other ports", []string(nil), r.Warnings)
			kittest.Must(t, r.del(two, config("")))

			before := r.listing()
			mapping := `{"hostPort":8070,"containerPort":8070,"range":20}`
			err := r.add(two, config(mapping, `"refuseHeldPorts":true`))
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.KindExists || !strings.Contains(f.Msg, c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			kittest.Same(t, "rules after the refusal", before, r.listing())

			r.mustAdd(two, config(mapping))
			if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], c.want) {
				t.Errorf("warnings %q, want %s", r.Warnings, c.want)
			}
		})
	}
}

// TestNoRouteToTheContainer publishes a port of a container that a foreign plugin has attached, and
// to which the host gets a route later.
func TestNoRouteToTheContainer(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	for _, prefix := range []string{"10.1.0.1/24", "fd00:1::1/64"} {
		kittest.Run(t, "ip", "addr", "del", prefix, "dev", "bra")
	}
	r.mustAdd(c, config(both))
	kittest.Same(t, "drift", []string(nil), r.drift(c, config(both)))
	r.AddAddresses(r.Conn, "bra", "10.1.0.1/24", "fd00:1::1/64")
	r.Serve(&c.Node, ":80", "c")
	for address, want := range map[string]string{
		"192.0.2.1": "c 192.0.2.9", "[fd00:9::1]": "c fd00:9::9",
	} {
		if got := r.Ask(r.outside, "tcp", address+":8080", kittest.Patience); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
	for _, prefix := range []string{"10.1.0.1/24", "fd00:1::1/64"} {
		kittest.Run(t, "ip", "addr", "del", prefix, "dev", "bra")
	}
	kittest.Must(t, r.del(c, config(both)))
	kittest.Same(t, "left", []string(nil), r.elements())
}
