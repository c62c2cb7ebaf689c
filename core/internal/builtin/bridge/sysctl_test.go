package bridge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// TestWithoutSysctls attaches a container where settings cannot be written, as in a nested
// container: what is right already is left alone, and precautions are warnings.
func TestWithoutSysctls(t *testing.T) {
	kittest.WithoutSysctls(t, func(t *testing.T, hide func(*testing.T)) {
		h, outside := kittest.NewRouter(t)
		r := onHost(t, h)
		c := r.container("c1")
		r.Serve(&c.Node, ":7000", "c1")
		hide(t)
		config := r.config(`"isDefaultGateway":true,` + hostLocal)
		result := r.mustAdd(c, config)
		for _, address := range []string{"10.9.0.2", "fd09::2"} {
			if got := r.Ask(outside, "udp", kittest.Port(address, "7000"),
				500*time.Millisecond); !strings.HasPrefix(got, "c1 ") {
				t.Errorf("%s answers %q", address, got)
			}
		}
		warnings := strings.Join(r.Warnings, "\n")
		for _, want := range []string{"link br0: ", "link vethc1: ", "interface eth0: ",
			"net/ipv6/conf/eth0/accept_ra"} {
			if !strings.Contains(warnings, want) {
				t.Errorf("no warning with %q:\n%s", want, warnings)
			}
		}
		kittest.Must(t, r.check(c, config, result))
		kittest.Must(t, r.del(c, config))
	})
}

// TestForwardingThatCannotBeEnabled is an error, and nothing is left.
func TestForwardingThatCannotBeEnabled(t *testing.T) {
	kittest.WithoutSysctls(t, func(t *testing.T, hide func(*testing.T)) {
		for setting, ipam := range map[string]string{
			"ipv4/ip_forward":          `"subnet":"10.9.0.0/24"`,
			"ipv6/conf/all/forwarding": `"subnet":"fd09::/64"`,
		} {
			t.Run(setting, func(t *testing.T) {
				r := newRig(t)
				c := r.container("c1")
				_, err := sysctl.Set(setting, "0") // a new namespace may inherit 1
				kittest.Must(t, err)
				hide(t)
				_, err = r.add(c, r.config(
					`"isGateway":true,"ipam":{"type":"host-local","dataDir":"DIR",`+ipam+`}`))
				if err == nil || !strings.Contains(err.Error(), "sysctl net/"+setting) ||
					!strings.Contains(err.Error(), "containers need it") {
					t.Errorf("error: %v", err)
				}
				kittest.Same(t, "state", "host:\n"+bridgeOf+"container:\nleases: []\n", r.dumps(c))
			})
		}
	})
}
