package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/test/rig"
)

// combination is a network made of plugins and their backends. The names of its parts are keys of
// the tables below.
type combination struct{ maker, ipam, masquerade, portmap, firewall string }

func (c combination) String() string {
	parts := []string{c.maker, c.ipam, c.masquerade, c.portmap, c.firewall}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ", ")
}

// combinations are those that are attached by one side and removed by the other.
func combinations() []combination {
	const masqNft, masqIptables = "masquerade nftables", "masquerade iptables"
	const portsNft, portsIptables = "portmap nftables", "portmap iptables"
	return []combination{
		{"bridge", "no ipam", "", "", ""},
		{"bridge", "host-local", "", "", ""},
		{"bridge", "static", "", "", ""},
		{"gateway", "host-local", "", "", ""},
		{"gateway", "dual stack", "", "", ""},
		{"gateway", "host-local", masqNft, "", ""},
		{"gateway", "dual stack", masqNft, "", ""},
		{"gateway", "host-local", masqIptables, "", ""},
		{"gateway", "static", masqIptables, "", ""},
		{"spoof check", "host-local", "", "", ""},
		{"spoof check", "dual stack", masqNft, "", ""},
		{"spoof check", "no ipam", "", "", ""},
		{"ptp", "host-local", "", "", ""},
		{"ptp", "static", "", "", ""},
		{"ptp", "dual stack", masqNft, "", ""},
		{"ptp", "host-local", masqIptables, "", ""},
		{"gateway", "host-local", "", portsNft, ""},
		{"gateway", "dual stack", "", portsNft, ""},
		{"gateway", "host-local", "", portsIptables, ""},
		{"ptp", "host-local", "", portsNft, ""},
		{"gateway", "host-local", "", "", "firewall iptables"},
		{"gateway", "dual stack", "", "", "firewall"},
		{"gateway", "host-local", "", "", "same-bridge"},
		{"gateway", "host-local", "", "", "isolated"},
		{"spoof check", "dual stack", masqNft, portsNft, "firewall iptables"},
		{"gateway", "dual stack", masqIptables, portsIptables, "firewall iptables"},
		{"ptp", "dual stack", masqNft, portsNft, "firewall iptables"},
		{"gateway", "host-local", "", "", firewalld},
		{"gateway", "dual stack", masqNft, portsNft, firewalld},
		{"ptp", "dual stack", masqIptables, "", firewalld},
		{"gateway", "host-local", "", "", "firewalld, same-bridge"},
	}
}

// firewalld is the backend with a firewalld that runs.
const firewalld = "firewalld"

const gatewayBridge = `"type":"bridge","bridge":"br0","isGateway":true`

var parts = map[string]string{
	"bridge":                 `"type":"bridge","bridge":"br0"`,
	"gateway":                gatewayBridge,
	"spoof check":            gatewayBridge + `,"macspoofchk":true`,
	"ptp":                    `"type":"ptp"`,
	"no ipam":                `"ipam":{}`,
	"host-local":             `"ipam":{"type":"host-local","dataDir":"DIR/leases","ranges":[[{"subnet":"10.1.0.0/24"}]]}`,
	"static":                 `"ipam":{"type":"static","addresses":[{"address":"10.1.0.2/24","gateway":"10.1.0.1"}]}`,
	"dual stack":             `"ipam":{"type":"host-local","dataDir":"DIR/leases","ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00:1::/64"}]]}`,
	"masquerade nftables":    `"ipMasq":true,"ipMasqBackend":"nftables"`,
	"masquerade iptables":    `"ipMasq":true,"ipMasqBackend":"iptables"`,
	"portmap nftables":       `"type":"portmap","backend":"nftables","capabilities":{"portMappings":true}`,
	"portmap iptables":       `"type":"portmap","backend":"iptables","capabilities":{"portMappings":true}`,
	"firewall":               `"type":"firewall"`,
	"firewall iptables":      `"type":"firewall","backend":"iptables"`,
	"same-bridge":            `"type":"firewall","backend":"iptables","ingressPolicy":"same-bridge"`,
	"isolated":               `"type":"firewall","backend":"iptables","ingressPolicy":"isolated"`,
	firewalld:                `"type":"firewall","backend":"firewalld"`,
	"firewalld, same-bridge": `"type":"firewall","backend":"firewalld","ingressPolicy":"same-bridge"`,
}

// network is the combination's configuration.
func (c combination) network(dir string) json.RawMessage {
	maker := []string{parts[c.maker], parts[c.ipam]}
	if c.masquerade != "" {
		maker = append(maker, parts[c.masquerade])
	}
	plugins := []string{"{" + strings.Join(maker, ",") + "}"}
	for _, chained := range []string{c.portmap, c.firewall} {
		if chained != "" {
			plugins = append(plugins, "{"+parts[chained]+"}")
		}
	}
	return json.RawMessage(fill(fmt.Sprintf(`{"cniVersion":"1.1.0","name":"net","plugins":[%s]}`,
		strings.Join(plugins, ",")), dir))
}

// isKnownToExecutables reports whether the executables can find everything that the built-in
// plugins make for the combination. They know neither libcni's tables in nftables nor rules with an
// owner.
func (c combination) isKnownToExecutables() bool {
	return c.maker != "spoof check" && c.masquerade != "masquerade nftables" &&
		c.portmap != "portmap nftables" && c.firewall == ""
}

func (c combination) usesFirewalld() bool { return strings.HasPrefix(c.firewall, firewalld) }

// life is a combination on a host that both sides use.
type life struct {
	combination
	*mixed
	shared []string // rules that stay with the host
}

func newLife(t *testing.T, c combination) *life {
	h := newHost(t)
	if c.usesFirewalld() {
		rig.IsolateMounts(t)
		h.StartFirewalld()
	}
	path := "PATH=" + iptablesPath(t) + ":" + os.Getenv("PATH")
	m := &mixed{host: h, goSide: h.reference(path), cSide: h.ours(path)}
	return &life{combination: c, mixed: m}
}

// iptablesPath is a directory in which iptables and ip6tables are those over nftables.
func iptablesPath(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"iptables", "ip6tables"} {
		path, err := exec.LookPath(name + "-nft")
		rig.Must(t, err)
		rig.Must(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	return dir
}

// call sends a request for a container to one side.
func (l *life) call(ours bool, method, id string) answer {
	l.T.Helper()
	d, request := l.side(ours)
	return d.call(method, with(request, object{
		"network": l.network(l.Dir), "containerId": id, "netns": l.Path("netns-" + id),
		"capabilityArgs": object{"portMappings": []object{
			{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
			{"hostPort": 8080, "containerPort": 80, "protocol": "udp"},
		}},
	}))
}

func (l *life) must(ours bool, method, id string) json.RawMessage {
	l.T.Helper()
	a := l.call(ours, method, id)
	if a.rc != 0 {
		l.T.Fatalf("%s %s (libcni: %t): %d %s", method, id, ours, a.rc, a.response)
	}
	return a.response
}

var (
	counters = regexp.MustCompile(`counter packets \d+ bytes \d+ ?`)
	opened   = regexp.MustCompile(`^\s*(table|chain|set|map) .*{$`)
)

// rules returns the host's rules and elements, each line with the object that contains it.
func (l *life) rules() (lines []string) {
	l.T.Helper()
	var within []string
	elements := strings.NewReplacer("elements = { ", "elements\n", ",\n", "\n", ", ", "\n", " }\n",
		"\n}\n")
	for line := range strings.Lines(elements.Replace(rig.Run(l.T, "nft", "list", "ruleset") + "\n")) {
		line = counters.ReplaceAllString(strings.TrimSpace(line), "")
		switch {
		case opened.MatchString(line):
			within = append(within, strings.TrimSuffix(line, " {"))
		case line == "}" && len(within) > 0:
			within = within[:len(within)-1]
		case line != "" && line != "}":
			lines = append(lines, strings.Join(within, " ")+": "+line)
		}
	}
	return lines
}

// begin attaches and detaches a container with each side, so that what stays with the host is
// there, and notes it.
func (l *life) begin() {
	l.T.Helper()
	for _, ours := range []bool{false, true} {
		id := fmt.Sprint("first-", ours)
		l.container("netns-" + id)
		l.must(ours, "add", id)
		l.must(ours, "del", id)
	}
	l.shared = l.rules()
}

// left is what the host has of attachments.
func (l *life) left() []string {
	l.T.Helper()
	for deadline := time.Now().Add(patience); len(l.links("", "br0")) > 0 &&
		time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	found := map[string][]string{
		"link": l.links("", "br0"), "lease": l.leases(), "cache": l.files(l.Path("cache/results")),
		"intent": l.files(l.Path("state/intents")),
	}
	if l.usesFirewalld() {
		var sources []string
		l.CallFirewalld("zone.getSources", []any{"trusted"}, &sources)
		found["source of the zone trusted"] = sources
	}
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(found)) {
		for _, name := range found[what] {
			lines = append(lines, what+" "+name)
		}
	}
	shared := map[string]int{}
	for _, line := range l.shared {
		shared[line]++
	}
	for _, line := range l.rules() {
		if shared[line]--; shared[line] < 0 {
			lines = append(lines, line)
		}
	}
	return lines
}

func (l *life) expectNothingLeft(when string) {
	l.T.Helper()
	if left := l.left(); len(left) > 0 {
		l.T.Errorf("%s there is:\n%s", when, strings.Join(left, "\n"))
	}
}

// TestEveryCombinationInBothDirections has each side check and remove what the other attached. What
// the executables cannot know of gives way to the next container of libcni, and GC removes it.
func TestEveryCombinationInBothDirections(t *testing.T) {
	for _, c := range combinations() {
		t.Run(c.String(), func(t *testing.T) {
			l := newLife(t, c)
			l.begin()
			l.attachByExecutables()
			l.attachByLibcni()
		})
	}
}

func (l *life) attachByExecutables() {
	l.T.Helper()
	l.container("netns-c1")
	l.must(false, "add", "c1")
	l.must(true, "check", "c1")
	l.must(true, "del", "c1")
	l.expectNothingLeft("after DEL by libcni")
	l.must(true, "del", "c1")
}

func (l *life) attachByLibcni() {
	l.T.Helper()
	l.container("netns-c2")
	l.must(true, "add", "c2")
	if l.isKnownToExecutables() {
		l.must(false, "check", "c2")
	}
	l.must(false, "del", "c2")
	if l.isKnownToExecutables() {
		l.expectNothingLeft("after DEL by the executables")
	}

	l.container("netns-c3") // which gets the port of c2
	l.must(true, "add", "c3")
	l.must(true, "check", "c3")
	l.must(true, "del", "c3")
	l.collect()
	l.expectNothingLeft("after GC by libcni")
}

// collect runs GC without an attachment that is valid.
func (l *life) collect() {
	l.T.Helper()
	_, request := l.side(true)
	network := object{"network": l.network(l.Dir), "validAttachments": []object{}}
	l.cSide.must("gc", with(request, network, asOf(l.host, l.cSide)))
}

// TestPortOfAGoneContainerIsNotItsSuccessors has a container get the address of one whose mapping
// the executables have left behind. It answers at its own port alone.
func TestPortOfAGoneContainerIsNotItsSuccessors(t *testing.T) {
	for name, ports := range map[string][]object{
		"another port": {{"hostPort": 9090, "containerPort": 80, "protocol": "tcp"}}, "no port": {},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t, combination{"gateway", "host-local", "", "portmap nftables", ""})
			_, request := l.side(true)
			attach := func(id string, ports []object) {
				l.cSide.must("add", with(request, object{
					"network": l.network(l.Dir), "containerId": id, "netns": l.container("netns-" + id),
					"args":           [][2]string{{"IgnoreUnknown", "1"}, {"IP", "10.1.0.7"}},
					"capabilityArgs": object{"portMappings": ports},
				}))
			}
			attach("c1", []object{{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}})
			l.must(false, "del", "c1")
			attach("c2", ports)

			listener := listen(t, l.Path("netns-c2"), "10.1.0.7:80")
			defer listener.Close()
			for _, try := range []struct {
				to    string
				wants bool
			}{{"10.1.0.7:80", true}, {"10.1.0.1:8080", false}, {"10.1.0.1:9090", len(ports) > 0}} {
				conn, err := net.DialTimeout("tcp", try.to, time.Second)
				if err == nil {
					conn.Close()
				}
				if (err == nil) != try.wants {
					t.Errorf("%s: %v, want an answer: %t", try.to, err, try.wants)
				}
			}
		})
	}
}

func listen(t *testing.T, netns, address string) (listener net.Listener) {
	t.Helper()
	rig.Must(t, rig.Within(netns, func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}))
	return listener
}
