package firewall

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// inspect returns the objects that Inspect finds.
func (r *rig) inspect(c *kittest.Container, members string) (found []plugin.Object) {
	r.T.Helper()
	inv := r.invocation(c, members)
	inv.Found = func(object plugin.Object) { found = append(found, object) }
	kittest.Must(r.T, r.plugin().Inspect(r.T.Context(), inv))
	return found
}

// The rules that accept a network's packets in chains of other tools are shown with their counters.
func TestInspectShowsRulesInForeignChains(t *testing.T) {
	for _, host := range droppingHosts() {
		if !strings.HasSuffix(host.name, "Docker") {
			continue
		}
		t.Run(host.name, func(t *testing.T) {
			r := newRig(t)
			r.bridgeNetfilter("0")
			for _, program := range host.programs {
				for _, rule := range host.rules {
					kittest.Run(t, program, strings.Fields(rule)...)
				}
			}
			c := r.container("a", 2)
			r.add(c, "")
			r.Serve(r.outside, ":7000", "outside")
			r.Ask(&c.Node, "udp", "192.0.2.9:7000", 10*time.Second)

			var texts []string
			for _, o := range r.inspect(c, "") {
				if o.Name == "iptables filter "+host.chain {
					texts = append(texts, o.Text)
					counts := o.Matched != nil && o.Matched.Packets > 0
					if passed := strings.HasPrefix(o.Text, "-s "); counts != passed &&
						!strings.Contains(o.Text, "ESTABLISHED") || o.Scope != plugin.OfNetwork {
						t.Errorf("rule %q is of %s and has matched %v", o.Text, o.Scope, o.Matched)
					}
				}
			}
			kittest.Same(t, "rules", []string{"-d 10.1.0.0/24 -m conntrack --ctstate DNAT -j ACCEPT",
				"-d 10.1.0.0/24 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
				"-s 10.1.0.0/24 -j ACCEPT"}, kittest.Sorted(texts))
		})
	}
}

func TestInspectShowsSourcesOfFirewalld(t *testing.T) {
	r := newRig(t)
	bus := r.startFirewalld()
	c := r.container("a", 2)
	r.add(c, "")
	shown := func() (sources []string) {
		for _, o := range r.inspect(c, "") {
			if o.Kind == plugin.SourceObject {
				sources = append(sources, o.Name+" "+o.Text)
			}
		}
		return sources
	}
	want := []string{"firewalld zone trusted 10.1.0.2", "firewalld zone trusted fd00:1::2"}
	kittest.Same(t, "sources", want, shown())
	if !slices.Equal(r.sources(bus, "trusted"), []string{"10.1.0.2/32", "fd00:1::2/128"}) {
		t.Error("firewalld has other sources")
	}
	kittest.Must(t, bus.Object("org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1").
		Call("org.fedoraproject.FirewallD1.reload", 0).Err)
	kittest.Same(t, "sources after a reload", []string(nil), shown())
}
