package core

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/must"
)

// entryOf returns the record of a container in network web, and the store.
func (h *testHost) entryOf(containerID string) (*attachments.Store, *attachments.Entry) {
	h.t.Helper()
	store := attachments.Open(filepath.Join(h.dir, "cache"), filepath.Join(h.dir, "run"))
	entry, err := store.Get(attachments.Key{Network: "web", ContainerID: containerID, IfName: "eth0"})
	must.Succeed(h.t, err)
	return store, entry
}

// deleteHostLink removes the pair of a container in network web.
func (h *testHost) deleteHostLink(containerID string) {
	h.t.Helper()
	_, entry := h.entryOf(containerID)
	links := rtnl.NewSession(nil, nil)
	defer links.Close()
	host, err := links.Host(h.t.Context())
	must.Succeed(h.t, err)
	link, err := host.LinkByName(h.t.Context(), entry.HostIfName)
	must.Succeed(h.t, err)
	must.Succeed(h.t, host.DeleteLinkAndWait(h.t.Context(), link.Index))
}

// After a restart of the host another container may have the addresses and the names of links that
// are recorded for one of before.
func TestRecordsOfAnEarlierBootLeaveWhatOthersHave(t *testing.T) {
	firewall := object{"type": "firewall", "backend": "nftables"}
	for name, network := range map[string]func(h *testHost) object{
		"bridge": func(h *testHost) object { return h.bridgeNet("web", firewall) },
		"ptp": func(h *testHost) object {
			network := h.bridgeNet("web", firewall)
			plugin := network["plugins"].([]any)[0].(object)
			plugin["type"] = "ptp"
			delete(plugin, "bridge")
			delete(plugin, "isGateway")
			return network
		},
	} {
		for _, verb := range []string{"del", "gc"} {
			t.Run(name+" "+verb, func(t *testing.T) {
				h := newTestHost(t)
				network := network(h)
				h.attach(network, "running", "libcni")
				store, entry := h.entryOf("running")
				entry.ContainerID, entry.BootID = "old", "an earlier boot"
				must.Succeed(t, store.Commit(entry))

				h.must(verb, map[string]object{
					"del": {"network": network, "containerId": "old"},
					"gc": {
						"network": network, "asOf": h.must("attachments", object{})["asOf"],
						"validAttachments": []any{object{"containerId": "running", "ifName": "eth0"}},
					},
				}[verb])
				h.must("check", object{"containerId": "running"})
				if got := h.stateFiles() + " " + h.leases("web"); got !=
					"cache/results/web-running-eth0 10.88.0.2" {
					t.Errorf("left %s", got)
				}
			})
		}
	}
}

// The name of a link is not enough: a damaged record has another container's.
func TestDelComparesTheAddressOfTheHostLink(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	h.attach(network, "other", "libcni")
	h.attach(network, "damaged", "libcni")
	_, other := h.entryOf("other")
	_, own := h.entryOf("damaged")
	h.rewrite("cache/results/web-damaged-eth0", func(s string) string {
		return strings.ReplaceAll(s, own.HostIfName, other.HostIfName)
	})

	h.must("del", object{"containerId": "damaged"})
	h.must("check", object{"containerId": "other"})
	if got := h.stateFiles() + " " + h.leases("web"); got !=
		"cache/results/web-other-eth0 10.88.0.2" {
		t.Errorf("left %s", got)
	}
}
