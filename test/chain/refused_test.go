package chain

import (
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// state is what an attachment is made of, as text: links, rules, files.
func (h *host) state() []string {
	h.T.Helper()
	all := strings.Split(rig.Run(h.T, "nft", "-s", "list", "ruleset"), "\n") // without counters
	links, err := net.Interfaces()
	rig.Must(h.T, err)
	for _, link := range links {
		addresses, err := link.Addrs()
		rig.Must(h.T, err)
		for _, a := range addresses {
			if !strings.HasPrefix(a.String(), "fe80:") { // which a bridge without ports loses, in its time
				all = append(all, "link "+link.Name+" "+a.String())
			}
		}
		all = append(all, "link "+link.Name)
	}
	rig.Must(h.T, filepath.WalkDir(h.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.Contains(path, "last_reserved_ip") &&
			!strings.Contains(path, "/locks/") {
			all = append(all, "file "+strings.TrimPrefix(path, h.Dir))
		}
		return err
	}))
	slices.Sort(all)
	return all
}

// TestRefusedAddsLeaveNothing asks for what cannot be, where the chain is at work for another
// container.
func TestRefusedAddsLeaveNothing(t *testing.T) {
	h := newHost(t)
	p := h.start()
	netns := p.namespace("c2")
	p.must("add", h.attachment("a", "c1", p.namespace("c1"), 8080))
	second := func() object { return h.attachment("a", "c2", netns, 8081) }
	p.must("add", second())
	p.must("del", second())
	before := h.state()

	mapping := func(members ...any) func(object) {
		return func(request object) {
			m := object{"hostPort": 8081, "containerPort": 80, "protocol": "tcp"}
			for i := 0; i < len(members); i += 2 {
				m[members[i].(string)] = members[i+1]
			}
			request["capabilityArgs"] = object{"portMappings": []object{m}}
		}
	}
	plugin := func(index int, key string, value any) func(object) {
		return func(request object) {
			request["network"].(object)["plugins"].([]object)[index][key] = value
		}
	}
	for _, test := range []struct {
		name   string
		change func(object)
		kind   string
		want   []string
	}{
		{"host port 0", mapping("hostPort", 0), "invalid-config", []string{"hostPort", "0"}},
		{"host port 65536", mapping("hostPort", 65536), "invalid-config", []string{"hostPort", "65536"}},
		{"container port 0", mapping("containerPort", 0), "invalid-config", []string{"containerPort"}},
		{"protocol", mapping("protocol", "icmp"), "invalid-config", []string{"icmp", "sctp"}},
		{"range", mapping("hostPort", 65530, "range", 10), "invalid-config", []string{"range"}},
		{
			"link-local address", mapping("hostIP", "fe80::77"), "invalid-config",
			[]string{"link-local address fe80::77 cannot be published"},
		},
		{
			"port taken", mapping("hostPort", 8080), "exists",
			[]string{"tcp 8080 is taken by container c1, interface eth0, network a"},
		},
		{
			"range with a port taken", mapping("hostPort", 8070, "range", 20), "exists",
			[]string{"container c1"},
		},
		{
			"port taken on all addresses", mapping("hostPort", 8080, "hostIP", "127.0.0.1"), "exists",
			[]string{"container c1"},
		},
		{"overlapping ranges", func(request object) {
			request["capabilityArgs"] = object{"portMappings": []object{
				{"hostPort": 9000, "containerPort": 9000, "protocol": "udp", "range": 10},
				{"hostPort": 9009, "containerPort": 80, "protocol": "udp"},
			}}
		}, "invalid-config", []string{"overlaps", "9000-9009"}},
		{
			"condition", plugin(1, "conditionsV4", []string{`ip saddr "`}), "invalid-config",
			[]string{"conditionsV4"},
		},
		{
			"backend of masquerade", plugin(0, "ipMasqBackend", "ipfw"), "invalid-config",
			[]string{"ipMasqBackend"},
		},
		{"backend of portmap", plugin(1, "backend", "ipfw"), "invalid-config", []string{"backend"}},
		{"backend of firewall", plugin(2, "backend", "ipfw"), "invalid-config", []string{"backend"}},
		{
			"policy of firewall", plugin(2, "ingressPolicy", "shut"), "invalid-config",
			[]string{"ingressPolicy"},
		},
		{
			"chain with quotes", plugin(2, "iptablesAdminChainName", `a"'b`), "invalid-config",
			[]string{"iptablesAdminChainName"},
		},
		{
			"container with quotes", func(request object) { request["containerId"] = `c"'2` },
			"invalid-request", []string{"containerId"},
		},
		{
			"network with quotes", func(request object) { request["network"].(object)["name"] = `a"'b` },
			"invalid-config", []string{"name"},
		},
	} {
		request := second()
		test.change(request)
		a := p.call("add", request)
		if a.rc == 0 || a.Kind != test.kind {
			t.Errorf("%s: %d %s", test.name, a.rc, a.text)
		}
		for _, part := range test.want {
			if !strings.Contains(a.Msg, part) {
				t.Errorf("%s: %q is not in %q", test.name, part, a.Msg)
			}
		}
		if diff := cmp.Diff(before, h.state()); diff != "" {
			t.Errorf("%s: before and after (-want +got):\n%s", test.name, diff)
		}
	}
	p.must("check", h.attachment("a", "c1", h.Path("netns-c1"), 8080))
}

// TestLongNames has names of 300 characters, which cannot be those of files, and of 200, which are
// longer than the comment of an element and differ in their last character.
func TestLongNames(t *testing.T) {
	h := newHost(t)
	p := h.start()
	long := func(network, id string, port int) object {
		request := h.attachment("a", id, h.Path("netns-"+id[len(id)-1:]), port)
		request["network"].(object)["name"] = network
		return request
	}
	p.namespace("c")
	p.namespace("1")
	p.namespace("2")
	for _, request := range []object{
		long("a", strings.Repeat("c", 300), 8080), long(strings.Repeat("a", 300), "1", 8080),
	} {
		if a := p.call("add", request); a.Kind != "invalid-request" ||
			!strings.Contains(a.Msg, "240 are allowed") {
			t.Errorf("300 characters: %d %s", a.rc, a.text)
		}
	}
	for _, name := range []struct{ network, id string }{
		{"a", strings.Repeat("c", 200)}, {strings.Repeat("a", 200), "c"},
	} {
		one, two := long(name.network, name.id+"1", 8080), long(name.network, name.id+"2", 8081)
		p.must("add", one)
		p.must("add", two)
		p.must("del", two)
		if a := p.call("add", long(name.network, "2", 8080)); a.Kind != "exists" ||
			!strings.Contains(a.Msg, "tcp 8080 is taken by ") {
			t.Errorf("the port of another: %d %s", a.rc, a.text)
		}
		p.must("check", one)
		rig.Run(h.T, "nft", "flush", "ruleset")
		p.must("repair", one)
		p.must("check", one)
		p.must("del", one)
		if left := rig.Run(h.T, "nft", "list", "ruleset"); strings.Contains(left, "id: ") {
			t.Errorf("left:\n%s", left)
		}
	}
}
