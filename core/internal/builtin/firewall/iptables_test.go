package firewall

import (
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

const viaIPTables = `"backend":"iptables"`

func TestBackendIPTablesMakesTheReferencesChains(t *testing.T) {
	r := newRig(t)
	r.add(kittest.Paper("b", 2), viaIPTables)
	r.add(kittest.Paper("a", 2), viaIPTables+`,"ingressPolicy":"isolated"`)
	a, b := nft.Hash("a"), nft.Owner{Network: "b", ContainerID: "c2", IfName: "eth0"}.Comment()
	c := nft.Owner{Network: "a", ContainerID: "c2", IfName: "eth0"}.Comment()
	kittest.Same(r.T, "rules", `-P INPUT ACCEPT
-P FORWARD ACCEPT
-P OUTPUT ACCEPT
-N CNI-ADMIN
-N CNI-FORWARD
-N CNI-ISOLATION-STAGE-1
-N CNI-ISOLATION-STAGE-2
-A FORWARD -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j CNI-ISOLATION-STAGE-1
-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
-A CNI-FORWARD -s 10.2.0.2/32 -m comment --comment "`+b+`" -j ACCEPT
-A CNI-FORWARD -d 10.2.0.2/32 -m comment --comment "`+b+
		`" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A CNI-FORWARD -d 10.2.0.2/32 -m comment --comment "`+b+`" -m conntrack --ctstate DNAT -j ACCEPT
-A CNI-FORWARD -s 10.1.0.2/32 -m comment --comment "`+c+`" -j ACCEPT
-A CNI-FORWARD -d 10.1.0.2/32 -m comment --comment "`+c+
		`" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A CNI-FORWARD -d 10.1.0.2/32 -m comment --comment "`+c+`" -m conntrack --ctstate DNAT -j ACCEPT
-A CNI-ISOLATION-STAGE-1 -i bra -o bra -m comment --comment "`+a+`, net: a" -j DROP
-A CNI-ISOLATION-STAGE-1 -i bra ! -o bra -m comment --comment "`+a+
		`, net: a" -j CNI-ISOLATION-STAGE-2
-A CNI-ISOLATION-STAGE-1 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j RETURN
-A CNI-ISOLATION-STAGE-2 -o bra -m comment --comment "`+a+`, net: a" -j DROP
-A CNI-ISOLATION-STAGE-2 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j RETURN
`, kittest.Run(r.T, "iptables", "-S"))
	if strings.Contains(kittest.Run(r.T, "nft", "list", "tables"), "inet libcni") {
		t.Error("there is a table of libcni beside that of isolated ports")
	}
}

func TestBackendIPTablesCheckRepairDelAndGC(t *testing.T) {
	const policy = viaIPTables + `,"ingressPolicy":"same-bridge"`
	r := newRig(t)
	all := func() string {
		return kittest.Saved(r.T, "iptables-save") + kittest.Saved(r.T, "ip6tables-save")
	}
	a2, a3 := kittest.Paper("a", 2), kittest.Paper("a", 3)
	r.add(a2, policy)
	r.del(a2, policy)
	shared := all() // chains, and jumps to them
	r.add(a3, policy)
	one := all()
	r.add(a2, policy)
	two := all()
	r.add(a2, policy)
	kittest.Same(r.T, "rules after ADD twice", two, all())
	kittest.Same(r.T, "drift", []string(nil), r.drift(a2, policy))

	for _, rule := range []string{"CNI-FORWARD 1", "CNI-ISOLATION-STAGE-2 1", "FORWARD 2"} {
		kittest.Run(r.T, "iptables", append([]string{"-D"}, strings.Fields(rule)...)...)
	}
	broken := all()
	found := r.drift(a2, policy)
	if len(found) != 3 ||
		!strings.Contains(
			found[1],
			"-A CNI-FORWARD -m comment --comment \"CNI firewall plugin admin overrides\" -j CNI-ADMIN: "+
				"missing, not present",
		) {
		t.Errorf("drift: %q", found)
	}
	kittest.Same(r.T, "rules after CHECK", broken, all())
	kittest.Same(r.T, "repaired", 3, len(r.repair(a2, policy)))
	kittest.Same(r.T, "rules after Repair", two, all())
	kittest.Run(r.T, "iptables", "-F")
	r.repair(a2, policy)
	r.repair(a3, policy)
	kittest.Same(r.T, "drift after a flush and Repair", []string(nil),
		append(r.drift(a2, policy), r.drift(a3, policy)...))

	r.del(a2.Lost(), policy)
	r.del(a2.Lost(), policy)
	kittest.Same(r.T, "rules after DEL", one, all())
	inv := r.invocation(a3.Lost(), policy)
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c3", IfName: "eth0"}}
	kittest.Must(t, r.plugin().GC(t.Context(), inv))
	kittest.Same(r.T, "rules after GC of nothing", one, all())
	inv.ValidAttachments = nil
	kittest.Must(t, r.plugin().GC(t.Context(), inv))
	kittest.Same(r.T, "rules after GC", shared, all())
}

func TestBackendIPTablesLetsThrough(t *testing.T) {
	r := newRig(t)
	r.bridgeNetfilter("0")
	c, other := r.container("a", 2), r.container("b", 2)
	r.Serve(r.outside, ":7000", "outside")
	r.Serve(&c.Node, ":7000", "c2")
	for _, program := range []string{"iptables", "ip6tables"} {
		kittest.Run(r.T, program, "-P", "FORWARD", "DROP")
	}
	r.publish(c)
	const policy = viaIPTables + `,"ingressPolicy":"same-bridge"`
	r.add(other, policy)
	r.add(c, policy)
	four, six := kittest.Addresses("a", 2)
	r.Try(path("out", &c.Node, "192.0.2.9:7000", "outside"),
		path("out", &c.Node, "[fd00:9::9]:7000", "outside"),
		path("published", r.outside, "192.0.2.1:80", "c2"),
		path("published", r.outside, "[fd00:9::1]:80", "c2"),
		path("not published", r.outside, at(four), ""),
		path("not published", r.outside, at(six), ""),
		path("from another bridge", &other.Node, at(four), ""))
}
