package firewall

import (
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

const viaIPTables = `"backend":"iptables"`

func TestBackendIPTablesMakesTheReferencesChains(t *testing.T) {
	r := newRig(t)
	r.add(paper("b", 2), viaIPTables)
	r.add(paper("a", 2), viaIPTables+`,"ingressPolicy":"isolated"`)
	a, b := nft.Hash("a"), nft.Owner{Network: "b", ContainerID: "c2", IfName: "eth0"}.Comment()
	c := nft.Owner{Network: "a", ContainerID: "c2", IfName: "eth0"}.Comment()
	r.same("rules", `-P INPUT ACCEPT
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
-A CNI-FORWARD -d 10.2.0.2/32 -m comment --comment "`+b+`" -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
-A CNI-FORWARD -s 10.1.0.2/32 -m comment --comment "`+c+`" -j ACCEPT
-A CNI-FORWARD -d 10.1.0.2/32 -m comment --comment "`+c+`" -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
-A CNI-ISOLATION-STAGE-1 -i bra -o bra -m comment --comment "`+a+`, net: a" -j DROP
-A CNI-ISOLATION-STAGE-1 -i bra ! -o bra -m comment --comment "`+a+`, net: a" -j CNI-ISOLATION-STAGE-2
-A CNI-ISOLATION-STAGE-1 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j RETURN
-A CNI-ISOLATION-STAGE-2 -o bra -m comment --comment "`+a+`, net: a" -j DROP
-A CNI-ISOLATION-STAGE-2 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j RETURN
`, r.run("iptables", "-S"))
	if strings.Contains(r.run("nft", "list", "tables"), "libcni") {
		t.Error("there are tables of libcni")
	}
}

func TestBackendIPTablesCheckRepairDelAndGC(t *testing.T) {
	const policy = viaIPTables + `,"ingressPolicy":"same-bridge"`
	r := newRig(t)
	all := func() string { return r.saved("iptables-save") + r.saved("ip6tables-save") }
	a2, a3 := paper("a", 2), paper("a", 3)
	r.add(a2, policy)
	r.del(a2, policy)
	shared := all() // chains, and jumps to them
	r.add(a3, policy)
	one := all()
	r.add(a2, policy)
	two := all()
	r.add(a2, policy)
	r.same("rules after ADD twice", two, all())
	r.same("drift", []string(nil), r.drift(a2, policy))

	for _, rule := range []string{"CNI-FORWARD 1", "CNI-ISOLATION-STAGE-2 1", "FORWARD 2"} {
		r.run("iptables", append([]string{"-D"}, strings.Fields(rule)...)...)
	}
	broken := all()
	found := r.drift(a2, policy)
	if len(found) != 3 || !strings.Contains(found[1], "-A CNI-FORWARD -m comment --comment \"CNI firewall plugin admin overrides\" -j CNI-ADMIN: missing, not present") {
		t.Errorf("drift: %q", found)
	}
	r.same("rules after CHECK", broken, all())
	r.same("repaired", 3, len(r.repair(a2, policy)))
	r.same("rules after Repair", two, all())
	r.run("iptables", "-F")
	r.repair(a2, policy)
	r.repair(a3, policy)
	r.same("drift after a flush and Repair", []string(nil), append(r.drift(a2, policy), r.drift(a3, policy)...))

	r.del(a2.forgotten(), policy)
	r.del(a2.forgotten(), policy)
	r.same("rules after DEL", one, all())
	inv := r.invocation(a3.forgotten(), written(policy))
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c3", IfName: "eth0"}}
	must(t, r.plugin().GC(t.Context(), inv))
	r.same("rules after GC of nothing", one, all())
	inv.ValidAttachments = nil
	must(t, r.plugin().GC(t.Context(), inv))
	r.same("rules after GC", shared, all())
}

func TestBackendIPTablesLetsThrough(t *testing.T) {
	r := newRig(t)
	r.bridgeNetfilter("0")
	c, other := r.container("a", 2), r.container("b", 2)
	r.serve(r.outside, "outside")
	r.serve(c.ns, "c2")
	for _, program := range []string{"iptables", "ip6tables"} {
		r.run(program, "-P", "FORWARD", "DROP")
	}
	r.publish(c)
	const policy = viaIPTables + `,"ingressPolicy":"same-bridge"`
	r.add(other, policy)
	r.add(c, policy)
	four, six := ips("a", 2)
	r.try(way{"out", c.ns, "192.0.2.9:7000", "outside"}, way{"out", c.ns, "[fd00:ff::9]:7000", "outside"},
		way{"published", r.outside, "192.0.2.1:80", "c2"}, way{"published", r.outside, "[fd00:ff::1]:80", "c2"},
		way{"not published", r.outside, at(four), ""}, way{"not published", r.outside, at(six), ""},
		way{"from another bridge", other.ns, at(four), ""})
}
