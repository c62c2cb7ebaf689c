package cli

import (
	"os/exec"
	"strings"
	"testing"
)

// Each wrong input ends with the status of the manual page and with the word that says what is
// wrong.
func TestWrongInputs(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.40.0/24", "", "")
	h.bridge("ports", "10.77.41.0/24", "", `,{"type":"portmap","capabilities":{"portMappings":true}}`)
	h.Write("conf/typo.conflist",
		`{"cniVersion":"1.1.0","name":"typo","plugins":[{"type":"bridge","isGatway":true}]}`, 0o644)
	h.Write("conf/subnet.conflist",
		`{"cniVersion":"1.1.0","name":"subnet","plugins":[{"type":"bridge","ipam":{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/33"}]]}}]}`,
		0o644)
	h.Write("conf/type.conflist",
		`{"cniVersion":"1.1.0","name":"type","plugins":[{"type":"bridg"}]}`, 0o644)
	ns := h.namespace("blue")
	h.ok("add", "web", ns, "--id", "c1")

	for _, test := range []struct {
		line string // @ stands for the namespace
		code int
		want string
	}{
		{"nope", 2, "nope"},
		{"list --nope", 2, "--nope"},
		{"help nope", 2, "nope"},
		{"completion tcsh", 2, "tcsh"},
		{"completion", 2, "bash"},
		{"netns", 2, "list"},
		{"netns exec @", 2, "at least 2"},
		{"netns exec @/none true", 1, "not exist"},
		{"netns exec @ no-such-program", 1, "no-such-program"},
		{"networks --builtins some", 2, "--builtins"},
		{"networks --timeout soon", 2, "--timeout"},
		{"add web @ --on-existing shrug", 2, "--on-existing"},
		{"add web @ --id a/b", 2, "--id"},
		{"add web @ -i a/b", 2, "--ifname"},
		{"add web @/none --id c2", 1, "not exist"},
		{"add none @ --id c2", 1, "none"},
		{"add web @ --id c2 -i eth1 -p 8080", 2, "--publish"},
		{"add web @ --id c2 -i eth1 -p 8080:80", 2, "portMappings"},
		{"add web @ --id c2 -i eth1 --cap-args {\"portMapings\":[{}]}", 2, "portMapings"},
		{"add ports @ --id c2 -i eth1 --cap-args []", 2, "--cap-args"},
		{"add ports @ --id c2 -i eth1 -p 8000-8001:80", 2, "same length"},
		{"add web @ --id c1", 1, "attached"},
		{"del --id c9 --strict", 1, "c9"},
		{"check --id c9", 3, "c9"},
		{"repair --id c9", 3, "c9"},
		{"inspect c9", 1, "c9"},
		{"inspect c9 web --ifname eth7", 1, "to network web as eth7"},
		{"inspect ../c9", 2, "letters, digits"},
		{"inspect c9 a/b", 2, "--network-file"},
		{"gc web", 2, "--keep"},
		{"gc web --all --as-of yesterday", 2, "--as-of"},
		{"list --format {{.Nope}}", 2, "Container"},
		{"validate none", 1, "none"},
		{"validate typo --strict", 1, "plugins[0].isGateway"},
		{"validate subnet", 1, "10.0.0.0/33"},
		{"validate type", 1, "did you mean bridge?"},
		{"schema bridg", 1, "did you mean bridge?"},
		{"plugin bridg", 1, "did you mean bridge?"},
		{"status type", 1, "did you mean bridge?"},
	} {
		o := h.run(strings.Fields(strings.ReplaceAll(test.line, "@", ns))...)
		if o.code != test.code || !strings.Contains(o.err, test.want) || o.out != "" {
			t.Errorf("cni %s: got %+v, want status %d and %q", test.line, o, test.code, test.want)
		}
	}
	if got := fields(h.ok("list", "--no-headers")); len(got) != 1 {
		t.Errorf("list: %q", got)
	}
	h.ok("check", "--id", "c1")
	h.ok("del", "--id", "c1")
}

func TestValidateWarnsOfUnknownKeys(t *testing.T) {
	h := newHost(t)
	h.Write("conf/typo.conflist",
		`{"$schema":"x","cniVersion":"1.1.0","name":"typo","plugins":[{"type":"bridge","isGatway":true}]}`,
		0o644)
	o := h.run("validate", "typo")
	want := "cni: warning: plugins[0].isGatway: unknown key; did you mean plugins[0].isGateway?\n"
	if o.code != 0 || o.err != want || !strings.Contains(o.out, "bridge") {
		t.Errorf("%+v", o)
	}
}

func TestNamespacesAreListedAndEntered(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.42.0/24", "", "")
	path := strings.TrimSpace(h.ok("netns", "create", "cni-list-test"))
	t.Cleanup(func() { h.run("netns", "delete", "cni-list-test") })
	h.ok("add", "web", path, "--id", "c1")

	want := "cni-list-test " + path + " web/c1/eth0"
	var found bool
	for _, row := range strings.Split(h.ok("netns", "list", "--no-headers"), "\n") {
		found = found || strings.Join(strings.Fields(row), " ") == want
	}
	if !found {
		t.Errorf("netns list lacks %q: %s", want, h.ok("netns", "list"))
	}
	if out := h.ok("netns", "list", "-q"); !strings.Contains(out, "cni-list-test\n") {
		t.Errorf("netns list -q: %q", out)
	}

	out := h.ok("netns", "exec", "cni-list-test", "cat", "/proc/net/dev")
	if !strings.Contains(out, "eth0:") || strings.Contains(out, "br-web:") {
		t.Errorf("netns exec: %s", out)
	}
	if o := h.run("netns", "exec", path, "sh", "-c", "exit 7"); o.code != 7 {
		t.Errorf("status of the program: %+v", o)
	}
	if o := h.run("netns", "exec", path, "--", "sh", "-c", "exit 7"); o.code != 7 {
		t.Errorf("status of the program after --: %+v", o)
	}
	h.ok("del", "--id", "c1")
}

func TestPublishedPortsAreListed(t *testing.T) {
	h := newHost(t)
	h.bridge("ports", "10.77.43.0/24", "", `,{"type":"portmap","capabilities":{"portMappings":true}}`)
	ns := h.namespace("blue")
	h.ok("add", "ports", ns, "--id", "c1", "-p", "8000-8002:9000-9002/udp", "-p", "127.0.0.1:8080:80")
	const ports = "8000-8002->9000-9002/udp,127.0.0.1:8080->80/tcp"
	if got := h.ok("list", "--format", "{{.Container}} {{.Ports}}"); got != "c1 "+ports+"\n" {
		t.Errorf("list: %q", got)
	}
	out := h.ok("inspect", "c1")
	for _, want := range []string{"8000-8002->9000-9002/udp\n", "127.0.0.1:8080->80/tcp\n",
		"10.77.43.2/24, gateway 10.77.43.1", "br-ports (", "forward the published ports (portmap)"} {
		if !strings.Contains(out, want) {
			t.Errorf("inspect lacks %q:\n%s", want, out)
		}
	}
	h.ok("del", "--id", "c1")
}

// What the host lacks is reported, and the rest is still shown.
func TestInspectShowsTheHost(t *testing.T) {
	h := newHost(t)
	h.bridge("seen", "10.77.45.0/24", "", `,{"type":"portmap","capabilities":{"portMappings":true}},
		{"type":"firewall","ingressPolicy":"isolated"}`)
	ns := h.namespace("blue")
	h.ok("add", "seen", ns, "--id", "c1", "-p", "8080:80")
	for _, want := range []string{"link br-seen: index ", " master br-seen up\n",
		"container received ", "route 10.77.45.0/24 src 10.77.45.1 scope link through br-seen\n",
		"inet libcni portmap4: tcp . 8080 : 10.77.45.2 . 80\n",
		"drop (0 packets 0 bytes, all containers of the network)\n", "Differences:      none\n"} {
		if out := h.ok("inspect", "c1"); !strings.Contains(out, want) {
			t.Errorf("inspect lacks %q:\n%s", want, out)
		}
	}
	if out, err := exec.Command("nft", "flush", "ruleset").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const want = "portmap: element tcp 8080 of set portmap4: expected 10.77.45.2:80, found missing\n"
	if out := h.ok("inspect", "c1"); !strings.Contains(out, want) ||
		!strings.Contains(out, "8080->80/tcp") {
		t.Errorf("inspect after a flush:\n%s", out)
	}
	h.ok("del", "--id", "c1")
}

// repair restores the host's side, and says what it cannot restore.
func TestRepairTellsWhatItLeft(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.44.0/24", "", "")
	ns := h.namespace("blue")
	h.ok("add", "web", ns, "--id", "c1")

	h.ok("netns", "exec", ns, "sh", "-c", "true")
	link, err := h.inside(ns).LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.inside(ns).LinkSetMTU(link, 1300); err != nil {
		t.Fatal(err)
	}
	if o := h.run("check", "--id", "c1"); o.code != 3 || !strings.Contains(o.err, "hint: restore") {
		t.Errorf("check: %+v", o)
	}
	for _, args := range [][]string{{"repair", "--id", "c1"}, {"repair", "--all"}} {
		o := h.run(args...)
		if o.code != 3 || !strings.Contains(o.err, "repair could not restore this") {
			t.Errorf("%q: %+v", args, o)
		}
	}
	h.ok("del", "--id", "c1")
}

func TestVersionAsFlag(t *testing.T) {
	h := newHost(t)
	flag, verb := h.ok("--version"), h.ok("version")
	if flag != verb || !strings.HasPrefix(flag, "cni ") {
		t.Errorf("got %q and %q", flag, verb)
	}
}
