package similar

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	known := []string{"bridge", "firewall", "host-local", "isGateway", "mtu"}
	for name, want := range map[string]string{
		"bridg": "bridge", "brdige": "bridge", "BRIDGE": "bridge", "hostlocal": "host-local",
		"isGatway": "isGateway", "isGateWay": "isGateway", "mut": "mtu", "macvlan": "", "": "",
		"bridge" + strings.Repeat("e", 1<<20): "",
	} {
		if got := Name(name, known); got != want {
			t.Errorf("%.20q: got %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1},
		{"abc", "bc", 1}, {"abc", "xbc", 1}, {"kitten", "sitting", 3},
	} {
		if got := Distance(test.a, test.b); got != test.want {
			t.Errorf("%q, %q: got %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
