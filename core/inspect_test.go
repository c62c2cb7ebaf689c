package core

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// inspectOne inspects c1, which has one attachment.
func (h *testHost) inspectOne() Inspection {
	h.t.Helper()
	answer := h.inspectAll(object{"containerId": "c1"})
	if len(answer.Attachments) != 1 {
		h.t.Fatalf("%d attachments", len(answer.Attachments))
	}
	return answer.Attachments[0]
}

func (h *testHost) inspectAll(request object) (answer InspectAnswer) {
	h.t.Helper()
	text, err := json.Marshal(h.must("inspect", request))
	kittest.Must(h.t, err)
	kittest.Must(h.t, json.Unmarshal(text, &answer))
	return answer
}

// objects returns the texts of the objects of a kind, with their names.
func (v Inspection) objects(kind string) (texts []string) {
	for _, o := range v.Objects {
		if o.Kind == kind {
			texts = append(texts, o.Name+": "+o.Text)
		}
	}
	return texts
}

func (v Inspection) ownLink(t *testing.T) HostObject {
	t.Helper()
	i := slices.IndexFunc(v.Objects, func(o HostObject) bool {
		return o.Kind == "link" && o.Scope == "attachment"
	})
	if i < 0 {
		t.Fatalf("no link of its own: %v", v.objects("link"))
	}
	return v.Objects[i]
}

// matched is the number of packets that rules have matched whose name and text begin and end so.
func (v Inspection) matched(name, end string) (packets int) {
	for _, o := range v.Objects {
		if o.Matched != nil && strings.HasPrefix(o.Name, name) && strings.HasSuffix(o.Text, end) {
			packets += o.Matched.Packets
		}
	}
	return packets
}

// send sends a packet out of a namespace.
func send(t *testing.T, path, to string) {
	t.Helper()
	ns := netnstest.Open(t, path)
	kittest.Must(t, ns.Do(t.Context(), func() error {
		conn, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write([]byte("?"))
		return err
	}))
}

// inContainer is the traffic of eth0 as the container has it.
func inContainer(t *testing.T, path string) rtnl.Traffic {
	t.Helper()
	s := rtnl.NewSession(netnstest.Open(t, path), nil)
	defer s.Close()
	conn, err := s.Container(t.Context())
	kittest.Must(t, err)
	link, err := conn.CountedLink(t.Context(), "eth0")
	kittest.Must(t, err)
	return *link.Traffic
}

// becomes inspects until a condition holds.
func (h *testHost) becomes(what string, holds func(Inspection) bool) {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(h.inspectOne()); {
		if time.Now().After(deadline) {
			text, _ := json.MarshalIndent(h.inspectOne().Objects, "", " ")
			h.t.Fatalf("%s: never\n%s", what, text)
		}
	}
}

func (h *testHost) chain(interfacePlugin string, firewall object) object {
	ipam := object{"type": "host-local", "dataDir": filepath.Join(h.dir, "leases"), "ranges": []any{
		[]any{object{"subnet": "10.88.0.0/24"}}, []any{object{"subnet": "fd88::/64"}}},
		"routes": []any{object{"dst": "0.0.0.0/0"}, object{"dst": "::/0"}}}
	first := object{"type": interfacePlugin, "ipMasq": true, "ipam": ipam}
	if interfacePlugin == "bridge" {
		first["bridge"], first["isGateway"], first["macspoofchk"] = "br-web", true, true
	}
	firewall["type"] = "firewall"
	return object{"cniVersion": "1.1.0", "name": "web", "plugins": []any{first,
		object{"type": "portmap", "capabilities": object{"portMappings": true}}, firewall}}
}

func publishing(network object, id, ns string, port int) object {
	return object{"network": network, "containerId": id, "netns": ns,
		"capabilityArgs": object{"portMappings": []any{
			object{"hostPort": port, "containerPort": 80, "protocol": "tcp"},
			object{"hostPort": port + 1, "containerPort": port + 1, "protocol": "udp", "range": 10}}}}
}

// listed is the rule set as nft lists it, without counters and comments.
func listed(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(` comment "[^"]*"|\bcounter `).ReplaceAllString(kittest.Ruleset(t), "")
}

func TestInspectShowsWhatTheHostHas(t *testing.T) {
	for _, plugin := range []string{"bridge", "ptp"} {
		t.Run(plugin, func(t *testing.T) {
			h := newTestHost(t)
			firewall, links, gateway := object{"ingressPolicy": "isolated"}, 2, "10.88.0.1:9"
			if plugin == "ptp" {
				firewall, links = object{}, 1
			}
			network := h.chain(plugin, firewall)
			ns := netnstest.New(t)
			h.must("add", publishing(network, "c1", ns, 8080))
			h.must("add", publishing(network, "c2", netnstest.New(t), 9080))
			before := kittest.Ruleset(t)

			seen := h.inspectOne()
			if seen.State != "attached" || len(seen.Result) == 0 || seen.Drift != nil ||
				seen.Unseen != nil || seen.Warnings != nil {
				t.Errorf("the answer is %+v", seen)
			}
			nft := listed(t)
			for _, o := range seen.Objects {
				if (o.Kind == "rule" || o.Kind == "element") && !strings.Contains(nft, o.Text) {
					t.Errorf("nft does not list %s of %s as %q", o.Kind, o.Name, o.Text)
				}
			}
			for kind, want := range map[string]int{"link": links, "address": 2, "route": 2} {
				if got := seen.objects(kind); len(got) != want {
					t.Errorf("%d objects of kind %s, want %d: %q", len(got), kind, want, got)
				}
			}
			if routes := strings.Join(seen.objects("route"), "\n"); strings.Contains(routes, "table") {
				t.Errorf("the routes are\n%s", routes)
			}
			for _, want := range []string{"inet libcni portmap4: tcp . 8080 : 10.88.0.2 . 80",
				"inet libcni portmap6-udp: 8081-8090 : fd88::2"} {
				if got := seen.objects("element"); !slices.Contains(got, want) {
					t.Errorf("no element %q in %q", want, got)
				}
			}

			sent := seen.ownLink(t).Link.Sent.Packets
			send(t, ns, gateway)
			send(t, ns, "[fd88::1]:9")
			h.becomes("the container's traffic", func(v Inspection) bool {
				own, traffic := v.ownLink(t).Link, inContainer(t, ns)
				return own.Sent.Packets > sent && own.Sent.Bytes == int(traffic.Sent.Bytes) &&
					own.Received.Bytes == int(traffic.Received.Bytes)
			})
			if plugin == "bridge" {
				h.dropsBetweenContainers(ns)
			}
			if after := kittest.Ruleset(t); after != before {
				t.Errorf("the rule set was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

// dropsBetweenContainers sends to the other container of a network with the policy isolated.
func (h *testHost) dropsBetweenContainers(ns string) {
	h.t.Helper()
	const chain = "bridge libcni firewall"
	dropped := h.inspectOne().matched(chain, "drop")
	send(h.t, ns, "10.88.0.3:9") // its ARP request is dropped
	h.becomes("a packet that the policy drops is counted", func(v Inspection) bool {
		return v.matched(chain, "drop") > dropped
	})
}

func TestInspectOfRulesInIPTables(t *testing.T) {
	h := newTestHost(t)
	network := h.chain("bridge", object{"backend": "iptables"})
	network["plugins"].([]any)[0].(object)["ipMasqBackend"] = "iptables"
	other := h.bridgeNet("other", object{"type": "firewall", "backend": "iptables"})
	other["plugins"].([]any)[0].(object)["ipam"].(object)["ranges"] = []any{
		[]any{object{"subnet": "10.89.0.0/24"}}}
	ns := netnstest.New(t)
	h.must("add", publishing(network, "c1", ns, 8080))
	h.must("add", object{"network": other, "containerId": "c2", "netns": netnstest.New(t)})

	const accepting, masquerading = "iptables filter CNI-FORWARD", "iptables nat CNI-"
	seen := h.inspectOne()
	if seen.Drift != nil || seen.Unseen != nil {
		t.Errorf("the answer is %+v", seen)
	}
	saved := kittest.Run(t, "iptables-save") + kittest.Run(t, "ip6tables-save")
	saved = regexp.MustCompile(` -m comment --comment (".*?[^\\]"|\S+)`).ReplaceAllString(saved, "")
	for _, o := range seen.Objects {
		if program, _, _ := strings.Cut(o.Name, " "); strings.HasSuffix(program, "tables") {
			chain := o.Name[strings.LastIndex(o.Name, " ")+1:]
			if line := "-A " + chain + " " + o.Text + "\n"; !strings.Contains(saved, line) {
				t.Errorf("%s does not save %q:\n%s", program, line, saved)
			}
		}
	}
	if rules := strings.Join(seen.objects("rule"), "\n"); !strings.Contains(rules, accepting) ||
		!strings.Contains(rules, masquerading) {
		t.Errorf("the rules are\n%s", rules)
	}
	send(t, ns, "10.89.0.2:9")
	h.becomes("a forwarded packet is counted", func(v Inspection) bool {
		return v.matched(accepting, "-j ACCEPT") > 0 && v.matched(masquerading, "-j MASQUERADE") > 0
	})

	kittest.Run(t, "iptables", "-F", "CNI-FORWARD")
	seen = h.inspectOne()
	if rules := strings.Join(seen.objects("rule"), "\n"); strings.Contains(rules, accepting+":") {
		t.Errorf("after a flush the rules are\n%s", rules)
	}
	if seen.Drift == nil {
		t.Error("no drift after a flush")
	}
}

// Whatever became of the container, the recorded part is in the answer.
func TestInspectInTrouble(t *testing.T) {
	for _, test := range []struct {
		name    string
		make    func(t *testing.T, h *testHost, ns string)
		state   string
		drift   string // in the objects of the differences
		unseen  string // "WHAT PLUGIN", each once
		objects string // kinds of objects, each once
	}{
		{"the rules were flushed", func(t *testing.T, h *testHost, _ string) {
			kittest.Run(t, "nft", "flush", "ruleset")
		}, "attached", "element tcp 8080 of set portmap4", "", "address link route"},
		{"the namespace is gone", func(_ *testing.T, h *testHost, ns string) {
			h.must("netns.delete", object{"path": ns})
		}, "stale", "network namespace", "", "address element link route rule"},
		{"the link was removed", func(t *testing.T, h *testHost, _ string) {
			kittest.Run(t, "ip", "link", "del", h.inspectOne().ownLink(t).Name)
		}, "attached", "link eth0", "", "address element link route rule"},
		{"without CAP_NET_ADMIN", func(t *testing.T, _ *testHost, _ string) {
			dropCapability(t, unix.CAP_NET_ADMIN)
		}, "attached", "",
			"drift bridge, objects bridge, objects firewall, objects portmap, warnings bridge",
			"address link route"},
		{"another attachment has the address", func(t *testing.T, _ *testHost, _ string) {
			set := regexp.MustCompile(`firewall4-\w+`).FindString(kittest.Ruleset(t))
			kittest.Run(t, "nft", "delete", "element", "inet", "libcni", set, "{ 10.88.0.2 }")
			kittest.Run(t, "nft", "add", "element", "inet", "libcni", set,
				`{ 10.88.0.2 comment "another" }`)
		}, "attached", "element 10.88.0.2", "", "address element link route rule"},
		{"another link has the name", func(t *testing.T, h *testHost, _ string) {
			name := h.inspectOne().ownLink(t).Name
			kittest.Run(t, "ip", "link", "del", name)
			kittest.Run(t, "ip", "link", "add", name, "type", "veth", "peer", "other")
		}, "attached", "link eth0", "", "address element link route rule"},
		{"the route is another's", func(t *testing.T, h *testHost, _ string) {
			kittest.Run(t, "ip", "link", "del", "br-web")
			kittest.Run(t, "ip", "link", "set", "lo", "up")
			for _, family := range []string{"-4", "-6"} {
				kittest.Run(t, "ip", family, "route", "add", "default", "dev", "lo")
			}
		}, "attached", "bridge br-web", "", "element link rule"},
		{"another call works on it", func(t *testing.T, h *testHost, _ string) {
			store := attachments.Open(filepath.Join(h.dir, "cache"), filepath.Join(h.dir, "run"))
			held, err := store.Lock(t.Context(), attachments.Key{Network: "web", ContainerID: "c1",
				IfName: "eth0"})
			kittest.Must(t, err)
			t.Cleanup(held.Unlock)
		}, "attached", "", "drift ", "address element link route rule"},
		{"the configuration is not readable", func(t *testing.T, h *testHost, _ string) {
			path := filepath.Join(h.dir, "cache/results/web-c1-eth0")
			text, err := os.ReadFile(path)
			kittest.Must(t, err)
			config := regexp.MustCompile(`"config":"[^"]*"`)
			kittest.Must(t, os.WriteFile(path, config.ReplaceAll(text, []byte(`"config":"e30K"`)), 0o600))
		}, "attached", "", "drift , objects , warnings ", "address link route"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			ns := netnstest.New(t)
			h.must("add", publishing(h.chain("bridge", object{}), "c1", ns, 8080))
			test.make(t, h, ns)

			began := time.Now()
			seen := h.inspectOne()
			if took := time.Since(began); took > defaultTimeout/2 {
				t.Errorf("it took %v", took)
			}
			if seen.State != test.state || len(seen.Result) == 0 || seen.Netns != ns {
				t.Errorf("the recorded part is %+v", seen)
			}
			var drift []string
			for _, d := range seen.Drift {
				drift = append(drift, d.Object)
			}
			if got := strings.Join(drift, "\n"); !strings.Contains(got, test.drift) ||
				test.drift == "" && got != "" {
				t.Errorf("the drift is\n%s\nwant %q", got, test.drift)
			}
			var kinds []string
			for _, o := range seen.Objects {
				if o.Link != nil && o.Scope == "attachment" && o.Link.MAC != recordedMAC(seen) {
					t.Errorf("link %s is another's", o.Name)
				}
				if o.Kind == "element" && !strings.HasSuffix(o.Comment, ", if: eth0, id: c1") {
					t.Errorf("element %s of %s is another's: %s", o.Text, o.Name, o.Comment)
				}
				kinds = append(kinds, o.Kind)
			}
			kittest.Same(t, "unseen", test.unseen, seen.lacks())
			kittest.Same(t, "kinds", test.objects, once(kinds, " "))
		})
	}
}

// recordedMAC is that of the host's end in the result.
func recordedMAC(v Inspection) string {
	var result struct {
		Interfaces []struct{ Name, Mac string }
	}
	_ = json.Unmarshal(v.Result, &result)
	return result.Interfaces[1].Mac
}

func once(words []string, separator string) string {
	slices.Sort(words)
	return strings.Join(slices.Compact(words), separator)
}

// What executables made is not known, but for the links and routes of their result.
func TestInspectOfAttachmentsOfExecutables(t *testing.T) {
	h := newTestHost(t)
	h.recorder("firewall")
	h.recorder("portmap")
	network := object{"cniVersion": "1.0.0", "name": "web", "plugins": []any{
		object{"type": "firewall", "fail": "CHECK"}, object{"type": "portmap"}}}
	h.attachedByGoLibcni(network)
	for _, test := range []struct {
		request object
		unseen  string
		drift   int // differences, of firewall
	}{
		{object{"containerId": "c1"}, "drift , objects firewall, objects portmap", 0},
		{object{"containerId": "c1", "netns": netnstest.New(t)}, "objects firewall, objects portmap", 1},
	} {
		seen := h.inspectAll(test.request).Attachments[0]
		kittest.Same(t, "unseen", test.unseen, seen.lacks())
		if len(seen.Drift) != test.drift || test.drift > 0 && seen.Drift[0].Plugin != "firewall" {
			t.Errorf("the drift is %+v", seen.Drift)
		}
	}
}

// lacks has "WHAT PLUGIN" of everything that is not in the answer, each once.
func (v Inspection) lacks() string {
	var unseen []string
	for _, u := range v.Unseen {
		unseen = append(unseen, u.What+" "+u.Plugin)
	}
	return once(unseen, ", ")
}

func TestInspectChoosesAttachments(t *testing.T) {
	h := newTestHost(t)
	other := h.bridgeNet("other")
	other["plugins"].([]any)[0].(object)["ipam"].(object)["ranges"] = []any{
		[]any{object{"subnet": "10.89.0.0/24"}}}
	ns := netnstest.New(t)
	h.must("add", object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns})
	h.must("add", object{"network": other, "containerId": "c1", "netns": ns, "ifName": "eth1"})
	for _, test := range []struct {
		name    string
		request object
		want    string
	}{
		{"all", object{"containerId": "c1"}, "other/eth1 web/eth0"},
		{"of a network", object{"containerId": "c1", "network": "web"}, "web/eth0"},
		{"of an interface", object{"containerId": "c1", "ifName": "eth1"}, "other/eth1"},
		{"an unknown container", object{"containerId": "c2"}, ""},
		{"an unknown network", object{"containerId": "c1", "network": "none"}, ""},
	} {
		var got []string
		for _, a := range h.must("inspect", test.request)["attachments"].([]any) {
			at := a.(object)
			got = append(got, at["network"].(string)+"/"+at["ifName"].(string))
		}
		kittest.Same(t, test.name, test.want, strings.Join(got, " "))
	}
	for _, request := range []object{{}, {"containerId": "../c1"}, {"containerId": ""},
		{"containerId": "c1", "network": "/etc/x.conflist"}, {"containerId": "c1", "network": 1}} {
		h.fails("invalid-request", "inspect", request)
	}
	h.fails("network-not-found", "inspect", object{"containerId": "c1", "networkFile": "/none"})
}

// A file that is damaged does not hide other attachments.
func TestInspectNamesDamagedFiles(t *testing.T) {
	h := newTestHost(t)
	h.must("add", object{"network": h.bridgeNet("web"), "containerId": "c1",
		"netns": netnstest.New(t)})
	path := filepath.Join(h.dir, "cache/results/old-c1-eth0")
	kittest.Must(t, os.WriteFile(path, []byte("{"), 0o600))
	answer := h.inspectAll(object{"containerId": "c1"})
	if len(answer.Attachments) != 1 || len(answer.Errors) != 1 || answer.Errors[0].File != path {
		t.Errorf("the answer is %+v", answer)
	}
}
