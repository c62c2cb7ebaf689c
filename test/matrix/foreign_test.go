package matrix

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// A foreign is another firewall of the host, which drops forwarded packets.
type foreign struct {
	name, class string
	// command and input make it. ADDRESSES in the input stands for the private ones.
	command string
	input   string
	// drops reports whether it drops a packet.
	drops func(packet) bool
	// obeyed reports that it drops what firewall would accept, too: the rule is about the
	// containers, or firewall cannot be asked before it.
	obeyed bool
}

// packet is a forwarded packet.
type packet struct {
	fromLAN, toLAN             bool
	fromContainer, toContainer bool
	fromBridge                 bool // the target's
	begins                     bool // the first of its connection
}

const (
	noForeign = "nothing else drops"
	ofBridge  = "FORWARD drops -i BRIDGE"
)

func everyPacket(packet) bool     { return true }
func fromTheLAN(p packet) bool    { return p.fromLAN }
func notToTheLAN(p packet) bool   { return !p.toLAN }
func isNew(p packet) bool         { return p.begins }
func fromPrivate(p packet) bool   { return p.fromContainer }
func toPrivate(p packet) bool     { return p.toContainer }
func fromTheBridge(p packet) bool { return p.fromBridge }

// foreigns returns all of them.
func foreigns() []foreign {
	return []foreign{
		{name: noForeign, drops: func(packet) bool { return false }},
		inFORWARD("FORWARD has the policy DROP", everyPacket, ""),
		inFORWARD("FORWARD drops everything, seven jumps deep", everyPacket, sevenJumps()),
		inFORWARD("FORWARD drops -i lan0", fromTheLAN, "-A FORWARD -i lan0 -j DROP\n"),
		inFORWARD("FORWARD drops ! -o lan0", notToTheLAN, "-A FORWARD ! -o lan0 -j DROP\n"),
		inFORWARD("FORWARD drops --ctstate NEW", isNew,
			"-A FORWARD -m conntrack --ctstate NEW -j DROP\n"),
		aboutNetwork(inFORWARD("FORWARD drops -s PRIVATE", fromPrivate,
			"-A FORWARD -s ADDRESSES -j DROP\n")),
		aboutNetwork(inFORWARD("FORWARD drops -d PRIVATE", toPrivate,
			"-A FORWARD -d ADDRESSES -j DROP\n")),
		aboutNetwork(inFORWARD(ofBridge, fromTheBridge,
			"-A FORWARD -i br-x -j DROP\n")),
		aboutNetwork(inFORWARD("DOCKER-USER drops -i lan0", fromTheLAN,
			":DOCKER-USER -\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -i lan0 -j DROP\n")),
		obeyed(native("a native chain drops everything", everyPacket, "policy drop;")),
		obeyed(native("a native chain drops iifname lan0", fromTheLAN, "iifname lan0 drop;")),
	}
}

// inFORWARD is a firewall made with iptables; with no rules, the policy of its chain FORWARD drops.
func inFORWARD(name string, drops func(packet) bool, rules string) foreign {
	policy := "ACCEPT"
	if rules == "" {
		policy = "DROP"
	}
	return foreign{name: name, class: "FORWARD drops", command: "iptables", drops: drops,
		input: "*filter\n:FORWARD " + policy + "\n" + rules + "COMMIT\n"}
}

// native is a firewall made with nft.
func native(name string, drops func(packet) bool, rules string) foreign {
	return foreign{name: name, class: "a native chain drops", command: "nft", drops: drops,
		input: "table inet site { chain forward " +
			"{ type filter hook forward priority 0; " + rules + " }\n}\n"}
}

func obeyed(f foreign) foreign {
	f.obeyed = true
	return f
}

// aboutNetwork is a rule about the network in particular, or the administrator's.
func aboutNetwork(f foreign) foreign {
	f.class = "drops on purpose"
	return obeyed(f)
}

func sevenJumps() string {
	chains, rules := "", "-A FORWARD -j deep1\n"
	for n := 1; n <= 7; n++ {
		chains += fmt.Sprintf(":deep%d -\n", n)
		if n < 7 {
			rules += fmt.Sprintf("-A deep%d -j deep%d\n", n, n+1)
		}
	}
	return chains + rules + "-A deep7 -j DROP\n"
}

func (s setting) foreignFirewall() foreign {
	for _, f := range foreigns() {
		if f.name == s.foreign {
			return f
		}
	}
	panic("unknown: " + s.foreign)
}

// install makes the rules in the namespace of the test's thread.
func (f foreign) install(t testing.TB) {
	t.Helper()
	switch f.command {
	case "iptables":
		feed(t, strings.ReplaceAll(f.input, "ADDRESSES", "10.0.0.0/8"), "iptables-restore")
		feed(t, strings.ReplaceAll(f.input, "ADDRESSES", "fd00::/8"), "ip6tables-restore")
	case "nft":
		feed(t, f.input, "nft", "-f", "-")
	}
}

// feed runs a program that must succeed with an input.
func feed(t testing.TB, input, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}
