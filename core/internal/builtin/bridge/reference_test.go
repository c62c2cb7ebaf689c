package bridge_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// reference runs the reference plugin. Its iptables is the first in the directories of path.
func reference(t *testing.T, inv *plugin.Invocation, command, path string) []byte {
	t.Helper()
	out, err := kittest.Executable(t, "bridge", command, inv, "PATH="+path)
	kittest.Must(t, err)
	return out
}

// rules are those of every variant of the reference plugin.
func rules(t *testing.T) string {
	t.Helper()
	return kittest.Run(t, "iptables-legacy-save") + kittest.Run(t, "ip6tables-legacy-save") +
		kittest.Run(t, "nft", "list", "ruleset")
}

// traces are what the reference plugins have made for containers. Tables and base chains stay.
func traces(listing string) string {
	return strings.Join(
		regexp.MustCompile(`(?m)^.*(CNI-[0-9a-f]+|cni-br-iface|macspoofchk|id: |saddr).*$`).FindAllString(
			listing, -1), "\n")
}

func referenceConfig(r *rig, v kittest.Variant) []byte {
	return r.onNetwork(1,
		fmt.Sprintf(`"isDefaultGateway":true,"ipMasq":true,"ipMasqBackend":%q,"macspoofchk":true`,
			v.Backend))
}

// attachBy attaches with the reference plugin, and returns the invocation as the engine makes it
// for such an attachment.
func attachBy(
	t *testing.T, v kittest.Variant, r *rig, c *kittest.Container,
) (*plugin.Invocation, *types100.Result) {
	t.Helper()
	inv := r.on(1, c, referenceConfig(r, v))
	result, err := plugin.ParseResult(reference(t, inv, "ADD", v.Path), "1.1.0")
	kittest.Must(t, err)
	value, err := result.Value()
	kittest.Must(t, err)
	inv.PrevResult, inv.HostIfName, inv.ByExecutable = result, "", true
	return inv, value
}

func TestDelOfWhatTheReferencePluginAttached(t *testing.T) {
	for _, v := range kittest.Variants(t) {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, result known: %v", v.Name, known), func(t *testing.T) {
				r := newRig(t)
				stays, _ := attachBy(t, v, r, r.container("c1"))
				before := traces(rules(t))
				gone := r.container("c2")
				inv, _ := attachBy(t, v, r, gone)
				if after := traces(rules(t)); after == before {
					t.Fatal("the reference plugin made nothing that this test sees")
				}
				kittest.Must(t, bridge.New().Check(t.Context(), inv))
				if !known { // an entry that was lost, and a container that is gone
					inv.PrevResult, inv.Netns, inv.NetnsPath = nil, nil, ""
				}
				kittest.Must(t, bridge.New().Del(t.Context(), inv))
				kittest.Same(r.T, "what is left of the others", before, traces(rules(t)))
				r.serveOutside()
				r.Try(kittest.Path{
					Name: "of the other container", From: &kittest.Node{NS: stays.Netns.(*netns.Namespace)},
					To: outside4, Want: "outside 192.0.2.1",
				})
				kittest.Must(t, bridge.New().Del(t.Context(), stays))
				kittest.Same(r.T, "after the last", "", traces(rules(t)))
			})
		}
	}
}

func TestDelOfWhatNeverWasLeavesTheReferencePluginsChains(t *testing.T) {
	for _, v := range kittest.Variants(t) {
		for _, recorded := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, eth0 recorded: %v", v.Name, recorded), func(t *testing.T) {
				r := newRig(t)
				c := r.container("c1")
				inv, _ := attachBy(t, v, r, c)
				before := traces(rules(t))
				never := r.on(1, c, referenceConfig(r, v))
				never.IfName, never.HostIfName, never.ByExecutable = "eth1", "", true
				if recorded {
					never.Netns, never.NetnsPath = nil, ""
					never.OtherInterfaces = func() ([]string, error) { return []string{"eth0"}, nil }
				}
				kittest.Must(t, bridge.New().Del(t.Context(), never))
				kittest.Same(r.T, "rules", before, traces(rules(t)))
				kittest.Must(t, bridge.New().Del(t.Context(), inv))
				kittest.Same(r.T, "after the last", "", traces(rules(t)))
			})
		}
	}
}

func TestGCOfWhatTheReferencePluginAttached(t *testing.T) {
	for _, v := range kittest.Variants(t) {
		t.Run(v.Name, func(t *testing.T) {
			r := newRig(t)
			attachBy(t, v, r, r.container("c1"))
			before := traces(rules(t))
			_, was := attachBy(t, v, r, r.container("c2"))
			kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, was.Interfaces[1].Name).Index))
			inv := r.on(1, kittest.Lost("net", ""), referenceConfig(r, v))
			inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c1", IfName: "eth0"}}
			kittest.Must(t, bridge.New().GC(t.Context(), inv))
			kittest.Same(r.T, "rules", before, traces(rules(t)))
		})
	}
}

func TestMasqueradeByIPTables(t *testing.T) {
	r := newRig(t)
	r.serveOutside()
	rules := func() string {
		return kittest.Run(t, "iptables-save", "-t", "nat") +
			kittest.Run(t, "ip6tables-save", "-t", "nat")
	}
	config := r.onNetwork(1, `"isDefaultGateway":true,"ipMasq":true,"ipMasqBackend":"iptables"`)
	invocation := func(c *kittest.Container, was *types100.Result) *plugin.Invocation {
		inv := r.on(1, c, config)
		if was != nil {
			inv.PrevResult = plugin.NewResult(was)
		}
		return inv
	}
	ours := r.container("c1")
	result, err := bridge.New().Add(t.Context(), invocation(ours, nil))
	kittest.Must(t, err)
	was, err := result.Value()
	kittest.Must(t, err)
	r.Try(masqueraded(ours)...)
	kittest.Must(t, bridge.New().Check(t.Context(), invocation(ours, was)))
	made := traces(rules())
	kittest.Run(t, "iptables", "-t", "nat", "-F", "POSTROUTING")
	if found := kittest.Drift(t,
		bridge.New().Check(t.Context(), invocation(ours, was))); len(found) != 1 ||
		!strings.Contains(found[0], "iptables rule -t nat -A POSTROUTING -s 10.1.0.2/32") {
		t.Errorf("drift: %q", found)
	}
	repaired := r.Repair(bridge.New(), invocation(ours, was))
	kittest.Same(r.T, "after repair", made, traces(rules()))
	if len(repaired) != 1 {
		t.Errorf("repaired: %q", repaired)
	}
	// The layout is that of the reference plugin, which finds it.
	reference(t, invocation(ours, was), "DEL", os.Getenv("PATH"))
	kittest.Same(r.T, "after the reference plugin's DEL", "", traces(rules()))
	kittest.Must(t, bridge.New().Del(t.Context(), invocation(ours, was)))
}
