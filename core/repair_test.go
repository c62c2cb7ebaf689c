package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

func (h *testHost) masqueraded(name string) object {
	network := h.bridgeNet(name)
	network["plugins"].([]any)[0].(object)["ipMasq"] = true
	return network
}

func TestRepairAfterTheRuleSetWasFlushed(t *testing.T) {
	h := newTestHost(t)
	network := h.masqueraded("web")
	for _, id := range []string{"c1", "c2"} {
		h.must("add", object{"network": network, "containerId": id, "netns": netnstest.New(t)})
	}
	before := kittest.Ruleset(t)
	for _, test := range []struct {
		name    string
		request object
		want    []string // containers of the repaired attachments
	}{
		{"one", object{"network": "web", "containerId": "c2"}, []string{"c2"}},
		{"all", object{"all": true}, []string{"c1", "c2"}},
		{"all, with nothing missing", object{"all": true}, nil},
	} {
		if test.want != nil {
			kittest.Run(t, "nft", "flush", "ruleset")
			h.fails("drift", "check", object{"network": "web", "containerId": "c1"})
		}
		answer := h.must("repair", test.request)
		var got []string
		for _, r := range answer["repaired"].([]any) {
			got = append(got, r.(object)["containerId"].(string))
		}
		if got = slices.Compact(got); !slices.Equal(got, test.want) {
			t.Errorf("%s: repaired %q, want %q: %v", test.name, got, test.want, answer)
		}
	}
	h.must("check", object{"network": "web", "containerId": "c1"})
	h.must("check", object{"network": "web", "containerId": "c2"})
	if after := kittest.Ruleset(t); after != before {
		t.Errorf("the rule set was\n%s\nand is\n%s", before, after)
	}
}

func TestDelOfAnUnknownAttachmentRemovesWhatExecutablesLeft(t *testing.T) {
	h := newTestHost(t)
	network := h.masqueraded("web")
	plant := func(id string) {
		comment := nft.Owner{Network: "web", ContainerID: id, IfName: "eth0"}.Comment()
		kittest.Run(t, "nft",
			fmt.Sprintf(
				`add table inet cni_plugins_masquerade; add chain inet cni_plugins_masquerade masq_checks;
			add rule inet cni_plugins_masquerade masq_checks ip saddr 10.88.0.9 ip daddr != 10.88.0.0/24 masquerade comment "%s"`, comment))
	}
	plant("unknown")
	plant("other")
	h.must("del", object{"network": network, "containerId": "unknown"})
	left := kittest.Run(t, "nft", "list", "ruleset")
	if strings.Contains(left, "id: unknown") || !strings.Contains(left, "id: other") {
		t.Errorf("left:\n%s", left)
	}
	// A built-in's attachment has no such rules: those of its name were made by other programs.
	h.must("add", object{"network": network, "containerId": "ours", "netns": netnstest.New(t)})
	plant("ours")
	h.must("del", object{"network": network, "containerId": "ours"})
	if left := kittest.Run(t, "nft", "list", "table", "inet",
		"cni_plugins_masquerade"); !strings.Contains(left, "id: ours") {
		t.Errorf("DEL of a built-in's attachment looks for the executables' rules:\n%s", left)
	}
}
