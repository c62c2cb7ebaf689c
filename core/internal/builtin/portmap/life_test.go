package portmap_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/conntrack"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func TestTakenPortNamesItsOwner(t *testing.T) {
	const all4, all6, one = `{"hostPort":80,"containerPort":1,"hostIP":"0.0.0.0"}`,
		`{"hostPort":80,"containerPort":1,"hostIP":"::"}`,
		`{"hostPort":80,"containerPort":1,"hostIP":"192.0.2.1"}`
	for _, c := range []struct{ name, first, second, taken string }{
		{"the same", `{"hostPort":80,"containerPort":1}`, `{"hostPort":80,"containerPort":2}`, "tcp 80"},
		{"the same address", one, one, "tcp 192.0.2.1:80"},
		{"an address of all", `{"hostPort":80,"containerPort":1}`, one, "tcp 192.0.2.1:80"},
		{"all with an address", one, `{"hostPort":80,"containerPort":1}`, "tcp 80"},
		{
			"all of IPv6 with an address", `{"hostPort":80,"containerPort":1,"hostIP":"fd00:9::1"}`, all6,
			"tcp 80",
		},
		{
			"one of a range", `{"hostPort":70,"containerPort":1,"range":20}`,
			`{"hostPort":80,"containerPort":2}`, "tcp 80",
		},
		{
			"range over one", `{"hostPort":80,"containerPort":1}`,
			`{"hostPort":1,"containerPort":1,"range":200}`, "tcp 80",
		},
		{
			"other protocol", `{"hostPort":80,"containerPort":1}`,
			`{"hostPort":80,"containerPort":2,"protocol":"udp"}`, "",
		},
		{"other family", all4, all6, ""},
		{"other address", one, `{"hostPort":80,"containerPort":1,"hostIP":"127.0.0.1"}`, ""},
		{"address of the other family", one, all6, ""},
		{
			"neighbouring ranges", `{"hostPort":70,"containerPort":1,"range":10}`,
			`{"hostPort":80,"containerPort":2,"range":10}`, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			a, b := r.container("a", 2), r.container("b", 3)
			r.mustAdd(
				a,
				config(c.first, `"conditionsV4":["ip saddr 192.0.2.9"]`),
			) // claims do not depend on conditions
			before := r.listing()
			err := r.add(b, config(c.second))
			if c.taken == "" {
				kittest.Must(t, err)
				return
			}
			var f *fault.Error
			want := "host port " + c.taken + " is taken by container c2, interface eth0, network a"
			if !errors.As(err, &f) || f.Kind != fault.KindExists || f.Msg != want {
				t.Errorf("got %v, want %s", err, want)
			}
			kittest.Same(r.T, "rules after the refusal", before, r.listing())
			kittest.Must(t,
				r.del(b, config(c.second))) // as the engine does, and it takes nothing away
			kittest.Same(r.T, "rules after DEL", before, r.listing())
		})
	}
}

// TestHostIPMayComeLater publishes a port on an address that moves to the host afterwards.
func TestHostIPMayComeLater(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	mapping := config(`{"hostPort":8080,"containerPort":80,"hostIP":"192.0.2.77"},` +
		`{"hostPort":8080,"containerPort":80,"hostIP":"fd00:9::77"}`)
	r.mustAdd(c, mapping)
	if len(r.Warnings) != 2 || !strings.Contains(r.Warnings[0], "192.0.2.77 is not an address") {
		t.Errorf("warnings %q", r.Warnings)
	}
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, mapping))
	r.Serve(&c.Node, ":80", "c")
	r.AddAddresses(r.Conn, "out0", "192.0.2.77/24", "fd00:9::77/64")
	for address, want := range map[string]string{
		"192.0.2.77": "c 192.0.2.9", "[fd00:9::77]": "c fd00:9::9", "192.0.2.1": "", "[fd00:9::1]": "",
	} {
		if got := r.Ask(r.outside, "tcp", address+":8080", kittest.Patience); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

// TestLinkLocalAddressesAreTheHosts reaches a service of the host on a link-local address, whose
// port a container has on all other addresses.
func TestLinkLocalAddressesAreTheHosts(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.AddAddresses(r.Conn, "out0", "fe80::1234/64")
	r.Serve(nil, "[fe80::1234%out0]:8080", "host")
	r.mustAdd(c, config(both))
	r.Serve(&c.Node, ":80", "c")
	for _, network := range []string{"tcp", "udp"} {
		for address, want := range map[string]string{"[fe80::1234%eth0]": "host", "[fd00:9::1]": "c"} {
			got := r.Ask(r.outside, network, address+":8080", kittest.Patience)
			if who, _, _ := strings.Cut(got, " "); who != want {
				t.Errorf("%s to %s: got %q, want %s", network, address, got, want)
			}
		}
	}
}

func TestAddNeedsAnAddressOfTheContainer(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	c.IfName = "net7"
	var f *fault.Error
	if err := r.add(c, config(both)); !errors.As(err, &f) || f.Details != "prevResult" {
		t.Errorf("of another interface: %v", err)
	}
	c.Result = nil
	if err := r.add(c, config(both)); !errors.As(err, &f) || f.Details != "prevResult" {
		t.Errorf("no result: %v", err)
	}
}

func TestNothingIsMadeWithoutMappings(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	for _, conf := range []string{
		`{"type":"portmap"}`, `{"type":"portmap","runtimeConfig":{"portMappings":[]}}`,
	} {
		r.mustAdd(c, []byte(conf))
		kittest.Same(r.T, "drift", []string(nil), r.drift(c, []byte(conf)))
		kittest.Must(t, r.del(c, []byte(conf)))
		kittest.Must(t, nft.View(t.Context(), func(v *nft.Reader) error {
			if there, err := v.HasTable(nft.Own(nft.Inet)); there || err != nil {
				t.Errorf("the table is there: %v, %v", there, err)
			}
			return nil
		}))
	}
}

// TestDelRemovesEverything tries what DEL may know, each time twice.
func TestDelRemovesEverything(t *testing.T) {
	specific := `,{"hostPort":81,"containerPort":81,"hostIP":"192.0.2.1"},{"hostPort":82,"containerPort":82,"hostIP":"127.0.0.1","protocol":"sctp"}`
	for _, c := range []struct {
		name   string
		config []byte
		change func(*kittest.Container)
	}{
		{"with everything", config(both + specific), func(*kittest.Container) {}},
		{"with the mappings forgotten", config(""), func(*kittest.Container) {}},
		{"with other mappings", config(`{"hostPort":1,"containerPort":1}`), func(*kittest.Container) {}},
		{"with fewer mappings", config(both), func(*kittest.Container) {}},
		{
			"with mappings that are wrong", config(`{"hostPort":0,"containerPort":1}`),
			func(*kittest.Container) {},
		},
		{"without masquerade now", config(both+specific, `"snat":false`), func(*kittest.Container) {}},
		{
			"with conditions now", config(both+specific, `"conditionsV4":["iifname lo"]`),
			func(*kittest.Container) {},
		},
		{"without result", config(both + specific), func(c *kittest.Container) { c.Result = nil }},
		{"without namespace", config(both + specific), func(c *kittest.Container) { c.NS = nil }},
		{"without anything", config(""), func(c *kittest.Container) { c.Result, c.NS = nil, nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			other, one := r.container("a", 3), r.container("a", 2)
			r.mustAdd(one, config(both+specific))
			kittest.Must(t, r.del(one, config(both+specific)))
			empty := r.listing()
			kittest.Same(r.T, "elements", []string(nil), r.elements())
			r.mustAdd(other, config(`{"hostPort":90,"containerPort":80}`))
			before := r.listing()
			r.mustAdd(one, config(both+specific))
			c.change(one)
			for range 2 {
				kittest.Must(t, r.del(one, c.config))
				kittest.Same(r.T, "rules", before, r.listing())
			}
			kittest.Must(t, r.del(other, config("")))
			kittest.Same(r.T, "rules without containers", empty, r.listing())
		})
	}
}

func TestRouteLocalnetOfOthersStays(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	_, err := sysctl.Set("ipv4/conf/bra/route_localnet", "1")
	kittest.Must(t, err)
	r.mustAdd(c, config(both))
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, config(both)))
	kittest.Must(t, r.del(c, config(both)))
	if value, err := sysctl.Get("ipv4/conf/bra/route_localnet"); value != "1" {
		t.Errorf("route_localnet is %s, %v", value, err)
	}
}

// TestLeavingOneNetworkKeepsTheOther has one container in two networks.
func TestLeavingOneNetworkKeepsTheOther(t *testing.T) {
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprintf("result known: %t", known), func(t *testing.T) {
			r := newRig(t)
			inA := r.container("a", 2)
			inB := &kittest.Container{
				Node:       inA.Node,
				Network:    "b",
				ID:         inA.ID,
				IfName:     "eth1",
				HostIfName: "vc2b1",
			}
			r.Attach(bridge.New(), inB, 2)
			ofA, ofB := `{"hostPort":8001,"containerPort":80}`, `{"hostPort":8002,"containerPort":80}`
			r.mustAdd(inA, config(ofA))
			r.mustAdd(inB, config(ofB))
			r.Serve(&inA.Node, ":80", "c")
			if got := r.Ask(nil, "tcp", "192.0.2.1:8002", kittest.Patience); !strings.HasPrefix(got,
				"c") {
				t.Fatalf("in b: %q", got)
			}
			if !known {
				inB.Result = nil
			}
			kittest.Must(t, r.del(inB, config("")))
			kittest.Same(r.T, "drift of a", []string(nil), r.drift(inA, config(ofA)))
			if got := r.Ask(nil, "tcp", "192.0.2.1:8001", kittest.Patience); !strings.HasPrefix(got,
				"c") {
				t.Errorf("in a: %q", got)
			}
			for _, e := range r.elements() {
				if !strings.HasSuffix(e, "network a") {
					t.Errorf("left: %s", e)
				}
			}
		})
	}
}

func TestCheckFindsEveryObject(t *testing.T) {
	r := newRig(t)
	mapping := config(
		`{"hostPort":8080,"containerPort":80},{"hostPort":81,"containerPort":81,"hostIP":"192.0.2.1"}`,
		`"conditionsV6":["iifname out0"]`,
	)
	c := r.container("a", 2)
	r.mustAdd(c, mapping)
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, mapping))
	table := nft.Own(nft.Inet)
	var sets []nft.Set
	var chains []nft.Chain
	kittest.Must(t, nft.View(t.Context(), func(v *nft.Reader) error {
		names, err := v.SetNames(table)
		if err != nil {
			return err
		}
		sets = nil
		for _, name := range names {
			sets = append(sets,
				nft.Set{Table: table, Name: name, Key: []nft.Type{nft.InetProto, nft.InetService}})
		}
		chains, err = v.Chains(table)
		return err
	}))
	removed := 0
	for _, s := range sets {
		var elements []nft.Element
		kittest.Must(t, nft.View(t.Context(), func(v *nft.Reader) (err error) {
			elements, err = v.Elements(s)
			return err
		}))
		for _, e := range elements {
			removed++
			r.breaks(
				c,
				mapping,
				fmt.Sprintf("element %x of %s", e.Key, s.Name),
				func(tx *nft.Tx) error {
					tx.DeleteElements(s, e)
					return nil
				},
			)
		}
	}
	for _, chain := range chains {
		var rules []nft.Rule
		kittest.Must(t, nft.View(t.Context(), func(v *nft.Reader) (err error) {
			rules, err = v.Rules(chain)
			return err
		}))
		for i := range rules {
			removed++
			r.breaks(
				c,
				mapping,
				fmt.Sprintf("rule %d of %s", i, chain.Name),
				func(tx *nft.Tx) error {
					present, err := tx.Rules(chain)
					tx.DeleteRules(
						present[0],
					) // repaired rules come last, so that this is each in turn
					return err
				},
			)
		}
	}
	if removed < 20 {
		t.Errorf("only %d objects", removed)
	}
}

func TestDelWithoutTheCounter(t *testing.T) {
	r := newRig(t)
	mapping := config(both)
	c := r.container("a", 2)
	r.mustAdd(c, mapping)
	if out, err := exec.Command("nft", "flush", "map", "inet", "libcni",
		"portmap-owners").CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
	kittest.Must(t, r.del(c, mapping))
	kittest.Same(r.T, "left", []string(nil), r.elements())
}

// Thousands of ports take milliseconds each way; to look each up among all of them took minutes.
func TestCheckOfManyPorts(t *testing.T) {
	r := newRig(t)
	mapping := config(`{"hostPort":20000,"containerPort":20000,"range":5000}`)
	c := r.container("a", 2)
	r.mustAdd(c, mapping)
	begun := time.Now()
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, mapping))
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("CHECK took %v", took)
	}
	kittest.Must(t, r.del(c, mapping))
}

// breaks makes a change that CHECK must find, and REPAIR mend.
func (r *rig) breaks(c *kittest.Container, config []byte, what string, change func(*nft.Tx) error) {
	r.T.Helper()
	kittest.Must(r.T, nft.Update(r.T.Context(), r.StateDir, change))
	found := r.drift(c, config)
	if len(found) == 0 {
		r.T.Errorf("%s: not found missing", what)
	}
	repaired := r.repair(c, config)
	if len(repaired) != len(found) {
		r.T.Errorf("%s: found %q, repaired %q", what, found, repaired)
	}
	if left := r.drift(c, config); left != nil {
		r.T.Errorf("%s: after repair %q", what, left)
	}
}

func (r *rig) repair(c *kittest.Container, config []byte) []string {
	r.T.Helper()
	return r.Repair(portmap.New(), r.Invocation(c, config))
}

func TestCheckFindsChangedValuesAndSettings(t *testing.T) {
	r := newRig(t)
	mapping := config(`{"hostPort":8080,"containerPort":80}`)
	c := r.container("a", 2)
	r.mustAdd(c, mapping)
	table := nft.Own(nft.Inet)
	key := nft.Key(nft.Proto(6), nft.Port(8080))
	kittest.Must(t, nft.Update(t.Context(), r.StateDir, func(tx *nft.Tx) error {
		m := nft.Set{
			Table: table,
			Name:  "portmap4",
			Key:   []nft.Type{nft.InetProto, nft.InetService},
			Data:  []nft.Type{nft.IPv4Addr, nft.InetService},
		}
		tx.DeleteElements(m, nft.Element{Key: key})
		tx.AddElements(
			m,
			nft.Element{
				Key:     key,
				Data:    nft.Key(nft.Addr(netip.MustParseAddr("10.1.0.9")), nft.Port(9)),
				Comment: nft.Owner{Network: "x", ContainerID: "y", IfName: "z"}.Comment(),
			},
		)
		return nil
	}))
	kittest.Must(t, r.Conn.RemoveRoute(t.Context(), rtnl.Route{
		Dst: netip.MustParsePrefix("192.0.0.8/32"), Local: true,
	}))
	kittest.Same(r.T, "drift", []string{
		"portmap: element tcp 8080 of set portmap4: 10.1.0.9:9, not 10.1.0.2:80",
		"portmap: element tcp 8080 of set portmap4 owner: container y, interface z, network x, not " +
			"container c2, interface eth0, network a",
		"portmap: route local 192.0.0.8: missing, not present",
	}, r.drift(c, mapping))
}

// TestRepairAfterFlush takes everything away, from two networks.
func TestRepairAfterFlush(t *testing.T) {
	r := newRig(t)
	a, b := r.container("a", 2), r.container("b", 3)
	ofA, ofB := config(both), config(`{"hostPort":81,"containerPort":80}`,
		`"conditionsV4":["ip saddr 192.0.2.0/24"]`)
	r.mustAdd(a, ofA)
	r.mustAdd(b, ofB)
	r.Serve(&a.Node, ":80", "a")
	r.Serve(&b.Node, ":80", "b")
	r.flushRuleset()
	if got := r.Ask(r.outside, "tcp", "192.0.2.1:8080", kittest.Patience); got != "" {
		t.Fatalf("without rules: %q", got)
	}
	for _, c := range []struct {
		*kittest.Container
		config []byte
	}{{a, ofA}, {b, ofB}} {
		if objects := r.repair(c.Container, c.config); len(objects) == 0 {
			t.Error("nothing repaired")
		}
		kittest.Same(r.T, "drift", []string(nil), r.drift(c.Container, c.config))
		if objects := r.repair(c.Container, c.config); len(objects) != 0 {
			t.Errorf("repaired again: %q", objects)
		}
	}
	for address, want := range map[string]string{
		"192.0.2.1:8080": "a 192.0.2.9", "192.0.2.1:81": "b 192.0.2.9", "[fd00:9::1]:81": "b fd00:9::9",
	} {
		if got := r.Ask(r.outside, "tcp", address, kittest.Patience); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
	kittest.Must(t, r.del(a, ofA))
	kittest.Must(t, r.del(b, ofB))
	kittest.Same(r.T, "left", []string(nil), r.elements())
}

// flushRuleset is "nft flush ruleset".
func (r *rig) flushRuleset() {
	r.T.Helper()
	if out, err := exec.Command("nft", "flush", "ruleset").CombinedOutput(); err != nil {
		r.T.Fatalf("nft: %v: %s", err, out)
	}
}

func TestAddHealsChangedRules(t *testing.T) {
	r := newRig(t)
	a, b := r.container("a", 2), r.container("a", 3)
	r.mustAdd(a, config(`{"hostPort":81,"containerPort":80}`))
	// Somebody has put a value in the map without a claim.
	key := nft.Key(nft.Proto(6), nft.Port(82))
	kittest.Must(t, nft.Update(t.Context(), r.StateDir, func(tx *nft.Tx) error {
		tx.AddElements(
			nft.Set{
				Table: nft.Own(nft.Inet),
				Name:  "portmap4",
				Key:   []nft.Type{nft.InetProto, nft.InetService},
				Data:  []nft.Type{nft.IPv4Addr, nft.InetService},
			},
			nft.Element{
				Key:  key,
				Data: nft.Key(nft.Addr(netip.MustParseAddr("10.1.0.9")), nft.Port(9)),
			},
		)
		return nil
	}))
	r.mustAdd(b, config(`{"hostPort":82,"containerPort":80}`))
	kittest.Same(r.T, "drift", []string(nil),
		r.drift(b, config(`{"hostPort":82,"containerPort":80}`)))
}

// TestAddAgainReplacesWhatIsLeft is an ADD after one that was killed between its batch and its
// answer.
func TestAddAgainReplacesWhatIsLeft(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.mustAdd(c, config(both))
	r.mustAdd(c, config(`{"hostPort":81,"containerPort":80}`))
	kittest.Same(r.T, "drift", []string(nil),
		r.drift(c, config(`{"hostPort":81,"containerPort":80}`)))
	kittest.Must(t, r.del(c, config(`{"hostPort":81,"containerPort":80}`)))
	kittest.Same(r.T, "left", []string(nil), r.elements())
}

// TestFailedAddLeavesNothing makes the first step fail, and the last, which comes after the batch.
func TestFailedAddLeavesNothing(t *testing.T) {
	for _, last := range []bool{false, true} {
		r := newRig(t)
		c := r.container("a", 2)
		r.mustAdd(c, config(`{"hostPort":81,"containerPort":80}`))
		kittest.Must(t, r.del(c, config(`{"hostPort":81,"containerPort":80}`)))
		before := r.listing()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		inv := r.Invocation(c, config(both))
		if last {
			_, err := sysctl.Set("bridge/bridge-nf-call-iptables", "1")
			kittest.Must(t, err)
			kittest.Must(t, c.NS.Close()) // where it looks whether the port must reflect
		} else {
			inv.Lent.(*kit.Lent).Links.Close()
			cancel()
		}
		if _, err := portmap.New().Add(ctx, inv); err == nil ||
			!last && !errors.Is(err, context.Canceled) {
			t.Errorf("last step %t: got %v", last, err)
		}
		kittest.Same(r.T, "rules", before, r.listing())
		if value, err := sysctl.Get("ipv4/conf/bra/route_localnet"); value != "0" {
			t.Errorf("route_localnet is %s, %v", value, err)
		}
	}
}

func TestGCKeepsValidAttachmentsAndOtherNetworks(t *testing.T) {
	r := newRig(t)
	keep, gone, other := r.container("a", 2), r.container("a", 3), r.container("b", 3)
	r.mustAdd(keep, config(`{"hostPort":81,"containerPort":80}`))
	r.mustAdd(other, config(`{"hostPort":83,"containerPort":80}`))
	before := r.listing()
	r.mustAdd(
		gone,
		config(
			`{"hostPort":82,"containerPort":80,"protocol":"udp"},{"hostPort":82,"containerPort":80,"hostIP":"192.0.2.1"}`,
		),
	)
	collect := func(network string, valid ...plugin.AttachmentID) {
		t.Helper()
		inv := r.Invocation(kittest.Lost(network, ""), config(""))
		inv.ValidAttachments = valid
		kittest.Must(t, portmap.New().GC(t.Context(), inv))
	}
	collect("a", plugin.AttachmentID{ContainerID: keep.ID, IfName: "eth0"},
		plugin.AttachmentID{ContainerID: gone.ID, IfName: "eth1"})
	kittest.Same(r.T, "rules", before, r.listing())
	collect("a")
	collect("b")
	kittest.Same(r.T, "left", []string(nil), r.elements())
	if listing := r.listing(); strings.Contains(listing, "net: ") ||
		strings.Contains(listing, "localnet-") {
		t.Errorf("left:\n%s", listing)
	}
}

func TestStatus(t *testing.T) {
	r := newRig(t)
	inv := r.Invocation(kittest.Lost("a", ""), config(""))
	kittest.Must(t, portmap.New().Status(t.Context(), inv))
	inv.Config = config("", `"backend":"ipfw"`)
	var f *fault.Error
	if err := portmap.New().Status(t.Context(), inv); !errors.As(err, &f) ||
		f.Details != "backend" {
		t.Errorf("got %v", err)
	}
}

// TestNamesMayBeAnything has names with bytes that nftables could not keep.
func TestNamesMayBeAnything(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	c.Network, c.ID = `a "network" `+strings.Repeat("é", 150), strings.Repeat(`i'"\`, 75)
	mapping, err := json.Marshal([]map[string]any{{"hostPort": 80, "containerPort": 80}})
	kittest.Must(t, err)
	conf := config(strings.Trim(string(mapping), "[]"), `"conditionsV4":["iifname \"out0\""]`)
	r.mustAdd(c, conf)
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, conf))
	r.listing() // nft can read it
	kittest.Must(t, r.del(c, config("")))
	kittest.Same(r.T, "left", []string(nil), r.elements())
}

func TestSocketOnThePortIsAWarning(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	tcp, err := net.Listen("tcp", "192.0.2.1:8080")
	kittest.Must(t, err)
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", ":8105")
	kittest.Must(t, err)
	defer udp.Close()
	client, err := net.Dial("udp", "192.0.2.9:9999") // a port that is only used to ask from
	kittest.Must(t, err)
	defer client.Close()
	r.mustAdd(
		c,
		config(
			both+
				`,{"hostPort":8100,"containerPort":1,"protocol":"udp","range":10},{"hostPort":8080,"containerPort":1,"protocol":"sctp"}`,
		),
	)
	kittest.Same(r.T, "warnings", []string{
		"host port tcp 8080: a process of the host listens on 192.0.2.1:8080; its packets now go to " +
			"the container",
		"host port udp 8100-8109: a process of the host listens on [::]:8105; its packets now go to " +
			"the container",
	}, r.Warnings)
	r.Warnings = nil
	other := r.container("a", 3)
	port := client.LocalAddr().(*net.UDPAddr).Port
	r.mustAdd(other,
		config(fmt.Sprintf(`{"hostPort":%d,"containerPort":1,"protocol":"udp"}`, port)))
	kittest.Same(r.T, "warnings", []string(nil), r.Warnings)
}

// TestReusedAddressAnswersAtOnce has a client keep talking over UDP while the container behind the
// port changes.
func TestReusedAddressAnswersAtOnce(t *testing.T) {
	r := newRig(t)
	mapping := config(`{"hostPort":8080,"containerPort":80,"protocol":"udp"}`)
	first, second := r.container("a", 2), r.container("a", 3)
	r.Serve(&first.Node, ":80", "first")
	r.Serve(&second.Node, ":80", "second")
	r.Serve(nil, ":8080", "host")
	var client net.Conn
	kittest.Must(t, r.outside.Do(t, func() (err error) {
		client, err = net.Dial("udp", "192.0.2.1:8080")
		return err
	}))
	defer client.Close()
	for _, turn := range []struct {
		change func() error
		want   string
	}{
		{func() error { return nil }, "host 192.0.2.9"},
		{func() error { return r.add(first, mapping) }, "first 192.0.2.9"},
		{func() error { return r.del(first, mapping) }, "host 192.0.2.9"},
		{func() error { return r.add(second, mapping) }, "second 192.0.2.9"},
		{func() error { return r.del(second, config("")) }, "host 192.0.2.9"},
	} {
		kittest.Must(t, turn.change())
		if got := kittest.Exchange(client, kittest.Patience); got != turn.want {
			t.Errorf("got %q, want %q", got, turn.want)
		}
	}
}

// TestOnlyChangedFlowsAreForgotten has connections to the same port elsewhere, and to other ports
// here.
func TestOnlyChangedFlowsAreForgotten(t *testing.T) {
	r := newRig(t)
	c, server := r.container("a", 2), r.container("b", 3)
	r.mustAdd(server, config(`{"hostPort":8081,"containerPort":80,"protocol":"udp"}`))
	r.Serve(&server.Node, ":8080", "transit")
	r.Serve(&server.Node, ":80", "other port")
	r.Serve(nil, ":8080", "host")
	var kept []flow
	for _, address := range []string{
		"10.2.0.3:8080", "[fd00:2::3]:8080", "192.0.2.1:8081", "[fd00:9::1]:8081",
	} {
		if got := r.Ask(r.outside, "udp", address, kittest.Patience); got == "" {
			t.Fatalf("%s does not answer", address)
		}
	}
	kept = r.flows()
	if len(kept) != 4 {
		t.Fatalf("flows %v", kept)
	}
	for _, address := range []string{"192.0.2.1:8080", "[fd00:9::1]:8080"} {
		if got := r.Ask(r.outside, "udp", address, kittest.Patience); !strings.HasPrefix(got,
			"host") {
			t.Fatalf("%s: %q", address, got)
		}
	}
	r.mustAdd(c, config(both))
	kittest.Same(r.T, "after ADD", kept, r.flows())
	r.Serve(&c.Node, ":80", "c")
	for _, address := range []string{"192.0.2.1:8080", "[fd00:9::1]:8080"} {
		if got := r.Ask(r.outside, "udp", address, kittest.Patience); !strings.HasPrefix(got, "c") {
			t.Fatalf("%s: %q", address, got)
		}
	}
	if len(r.flows()) != 6 {
		t.Errorf("flows %v", r.flows())
	}
	kittest.Must(t, r.del(c, config("")))
	kittest.Same(r.T, "after DEL", kept, r.flows())
}

// flow is a UDP connection: its first packet's destination, and who answers.
type flow struct{ To, Answers string }

// flows are the UDP connections that the host knows, from the outside.
func (r *rig) flows() []flow {
	r.T.Helper()
	var all []flow
	var destinations []conntrack.Destination
	for _, unspecified := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		for _, port := range []uint16{8080, 8081} {
			destinations = append(destinations,
				conntrack.Destination{Addr: unspecified, Port: port, Proto: 17})
		}
	}
	_, err := conntrack.Forget(r.T.Context(), destinations, func(f conntrack.Flow) bool {
		all = append(all, flow{f.To.String(), f.Answers.String()})
		return false
	})
	kittest.Must(r.T, err)
	slices.SortFunc(all, func(a, b flow) int { return strings.Compare(a.To, b.To) })
	return all
}
