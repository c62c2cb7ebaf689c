package ptp_test

import (
	"context"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/ptp"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func TestDelNeedsNothingAndCanBeRepeated(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*plugin.Invocation)
	}{
		{"all is known", func(*plugin.Invocation) {}},
		{"no result", func(inv *plugin.Invocation) { inv.PrevResult = nil }},
		{"no namespace", func(inv *plugin.Invocation) { inv.Netns, inv.NetnsPath = nil, "" }},
		{"no host interface", func(inv *plugin.Invocation) { inv.HostIfName = "" }},
		{"identity and namespace", func(inv *plugin.Invocation) {
			inv.HostIfName, inv.PrevResult = "",
				nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			config := r.config(`"ipMasq":true,` + dualStack)
			r.mustAdd(c, config)
			for range 2 {
				inv := r.Invocation(c, config)
				test.change(inv)
				r.mustDel(inv)
				state := r.state(c)
				if !strings.HasPrefix(state, "host:\ncontainer:\nleases: []\n") ||
					strings.Contains(state, "10.9.0") {
					t.Errorf("left:\n%s", state)
				}
			}
		})
	}
}

func TestDelOfWhatNeverWas(t *testing.T) {
	r := newRig(t)
	r.mustDel(r.Invocation(kittest.Lost("net", "c1"), r.config(`"mtu":-1,`+dualStack)))
}

func TestDelLeavesAnotherAttachmentsInterface(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
	kittest.Must(t, r.Conn.AddVeth(t.Context(), rtnl.NewVeth{Name: "other", PeerName: "eth0",
		PeerNamespace: c.NS,
		Master:        r.Link(r.Conn, "br0").Index}))
	r.mustDel(r.Invocation(c, r.config(dualStack)))
	r.Link(c.Conn, "eth0") // fails the test if it is gone
}

func TestDelWithoutRecordKnowsItsPairByTheMark(t *testing.T) {
	for _, test := range []struct {
		name    string
		bridged bool
		alias   string // "" for that of the ADD
		stays   bool
	}{
		{name: "as added"},
		{name: "in a bridge", bridged: true},
		{name: "another's", alias: "libcni other,c1,eth0", stays: true},
		{name: "without a mark", alias: "uplink"},
		{name: "without a mark, in a bridge", alias: "uplink", bridged: true, stays: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			config := r.config(dualStack)
			r.mustAdd(c, config)
			if test.bridged {
				enslave(r, "vethc1")
			}
			if test.alias != "" {
				kittest.Must(t, r.Conn.SetLink(t.Context(), r.Link(r.Conn, "vethc1").Index,
					rtnl.Change{Alias: test.alias}))
			}
			inv := r.Invocation(c, config)
			inv.HostIfName, inv.PrevResult = "", nil
			r.mustDel(inv)
			link, _ := r.Conn.LinkByName(t.Context(), "vethc1")
			if stays := link != nil; stays != test.stays {
				t.Errorf("the pair stays: %v, want %v", stays, test.stays)
			}
		})
	}
}

func TestStartedDel(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.config(`"ipMasq":true,` + dualStack)
	r.mustAdd(c, config)
	started := ptp.New().(plugin.DelStarter).StartDel(t.Context(), r.Invocation(c, config))
	if r.leases() == nil {
		t.Error("addresses are released while the interface is there")
	}
	kittest.Must(t, started.Finish(t.Context()))
	kittest.Same(t, "leases", []string(nil), r.leases())

	r.mustAdd(c, config)
	started = ptp.New().(plugin.DelStarter).StartDel(t.Context(), r.Invocation(c, config))
	started.Abandon(t.Context())
	if link, _ := r.Conn.LinkByName(t.Context(), "vethc1"); link != nil || r.leases() == nil {
		t.Errorf("after Abandon: link %v, leases %v", link, r.leases())
	}
}

// needsLink stands for dhcp.
type needsLink struct {
	plugin.Plugin
	seen func()
}

func (needsLink) Traits() plugin.Traits { return plugin.Traits{IPAM: true, NeedsLink: true} }

func (n needsLink) Del(context.Context, *plugin.Invocation) error { n.seen(); return nil }

func TestAnIPAMPluginThatNeedsTheLinkGoesFirst(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	r.mustAdd(c, r.config(dualStack))
	asked := 0
	r.Plugins["dhcp"] = needsLink{seen: func() { asked++; r.Link(c.Conn, "eth0") }}
	inv := r.Invocation(c, r.config(`"ipam":{"type":"dhcp"}`))
	if started := ptp.New().(plugin.DelStarter).StartDel(t.Context(), inv); started != nil {
		t.Error("the removal of the link is started ahead")
	}
	r.mustDel(inv)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestGC(t *testing.T) {
	r := newRig(t)
	config := r.config(`"ipMasq":true,` + dualStack)
	keep, gone, other := r.container("c1"), r.container("c2"), r.NewContainer("others", "c3")
	r.mustAdd(keep, config)
	before := r.state(keep)
	r.mustAdd(gone, config)
	r.mustAdd(other, []byte(strings.Replace(string(config), `"name":"net"`, `"name":"others"`, 1)))
	inv := r.Invocation(kittest.Lost("net", ""), config)
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c1", IfName: "eth0"}}
	kittest.Must(t, ptp.New().GC(t.Context(), inv))
	r.Link(r.Conn, "vethc3")
	r.mustDel(r.Invocation(other,
		[]byte(strings.Replace(string(config), `"name":"net"`, `"name":"others"`, 1))))
	kittest.Same(t, "state", before, r.state(keep))
	if drift := r.check(keep, config); drift != nil {
		t.Errorf("CHECK: %v", drift)
	}
}
