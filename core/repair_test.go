package core

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
)

func nftables(t *testing.T, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("nft", arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("nft %v: %v: %s", arguments, err, out)
	}
	return string(out)
}

func (b *bench) masqueraded(name string) object {
	network := b.bridgeNet(name)
	network["plugins"].([]any)[0].(object)["ipMasq"] = true
	return network
}

func TestRepairAfterTheRuleSetWasFlushed(t *testing.T) {
	b := newBench(t)
	network := b.masqueraded("web")
	for _, id := range []string{"c1", "c2"} {
		b.must("add", object{"network": network, "containerId": id, "netns": netnstest.New(t)})
	}
	before := nftables(t, "-s", "list", "ruleset")
	for _, test := range []struct {
		name    string
		request object
		want    []string // the attachments repaired
	}{
		{"one", object{"network": "web", "containerId": "c2"}, []string{"c2"}},
		{"all", object{"all": true}, []string{"c1", "c2"}},
		{"all, with nothing missing", object{"all": true}, nil},
	} {
		if test.want != nil {
			nftables(t, "flush", "ruleset")
			b.fails("drift", "check", object{"network": "web", "containerId": "c1"})
		}
		answer := b.must("repair", test.request)
		var got []string
		for _, r := range answer["repaired"].([]any) {
			got = append(got, r.(object)["containerId"].(string))
		}
		if got = slices.Compact(got); !slices.Equal(got, test.want) {
			t.Errorf("%s: repaired %q, want %q: %v", test.name, got, test.want, answer)
		}
	}
	b.must("check", object{"network": "web", "containerId": "c1"})
	b.must("check", object{"network": "web", "containerId": "c2"})
	if after := nftables(t, "-s", "list", "ruleset"); after != before {
		t.Errorf("the rule set was\n%s\nand is\n%s", before, after)
	}
}

func TestDelOfTheUnknownLooksForWhatExecutablesLeft(t *testing.T) {
	b := newBench(t)
	network := b.masqueraded("web")
	plant := func(id string) {
		comment := nft.Owner{Network: "web", ContainerID: id, IfName: "eth0"}.Comment()
		nftables(t, fmt.Sprintf(`add table inet cni_plugins_masquerade; add chain inet cni_plugins_masquerade masq_checks;
			add rule inet cni_plugins_masquerade masq_checks ip saddr 10.88.0.9 ip daddr != 10.88.0.0/24 masquerade comment "%s"`, comment))
	}
	plant("unknown")
	plant("other")
	b.must("del", object{"network": network, "containerId": "unknown"})
	left := nftables(t, "list", "ruleset")
	if strings.Contains(left, "id: unknown") || !strings.Contains(left, "id: other") {
		t.Errorf("left:\n%s", left)
	}
	// What a built-in attached has nothing of theirs: the rules of the same name are somebody's.
	b.must("add", object{"network": network, "containerId": "ours", "netns": netnstest.New(t)})
	plant("ours")
	b.must("del", object{"network": network, "containerId": "ours"})
	if left := nftables(t, "list", "table", "inet", "cni_plugins_masquerade"); !strings.Contains(left, "id: ours") {
		t.Errorf("DEL of a built-in's attachment looks for the executables' rules:\n%s", left)
	}
}
