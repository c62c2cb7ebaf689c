package firewall

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// TestPoliciesKeepNetworksApart has networks of each kind, with each backend, where bridged packets
// pass the host's forwarding and where they do not. The rules are those of docs/plugins.md.
func TestPoliciesKeepNetworksApart(t *testing.T) {
	for _, backend := range []string{backendNFTables, backendIPTables} {
		for _, through := range []string{"0", "1"} {
			t.Run(backend+", bridge-nf-call-iptables "+through, func(t *testing.T) {
				r := newRig(t)
				r.bridgeNetfilter(through)
				policiesKeepNetworksApart(r, backend)
			})
		}
	}
}

// participant is a container of the networks of a test.
type participant struct {
	*kittest.Container
	name, policy string
	addresses    []string
}

func (r *rig) participant(name, policy string) participant {
	r.T.Helper()
	network, number := name[:1], int(name[1]-'0')
	c := r.container(network, number)
	r.Serve(&c.Node, ":7000", name)
	r.add(c, policy)
	four, six := kittest.Addresses(network, number)
	return participant{c, name, policy, []string{at(four), at(six)}}
}

func policiesKeepNetworksApart(r *rig, backend string) {
	r.T.Helper()
	policy := func(members string) string { return `"backend":"` + backend + `",` + members }
	const sameBridge, isolated = `"ingressPolicy":"same-bridge"`, `"ingressPolicy":"isolated"`
	const allow = `,"allowPublishedPorts":true`
	r.Serve(r.outside, ":7000", "outside")
	all := map[string]participant{}
	for _, network := range []struct{ name, policy string }{
		{"a", sameBridge}, {"b", sameBridge}, {"d", isolated}, {"e", `"ingressPolicy":"open"`},
		{"f", isolated + allow}, {"g", sameBridge + allow},
	} {
		for _, number := range []string{"2", "3"} {
			name := network.name + number
			all[name] = r.participant(name, policy(network.policy))
		}
	}
	published := map[string]int{"b2": 80, "d2": 81, "e2": 82, "f2": 83, "g2": 84}
	for name, port := range published {
		r.publishAt(all[name].Container, port)
	}

	for _, w := range []struct {
		from, to          string
		direct, published bool
	}{
		{"b3", "b2", true, true},
		{"b2", "b2", true, true},
		{"a2", "b2", false, false},
		{"d2", "b2", false, false},
		{"e2", "b2", true, true},
		{"a2", "d2", false, false},
		{"d3", "d2", false, false},
		{"d2", "d2", true, false},
		{"e2", "d2", true, true},
		{"a2", "e2", true, true},
		{"d2", "e2", true, true},
		{"a2", "f2", false, true},
		{"d2", "f2", false, true},
		{"f3", "f2", false, false},
		{"a2", "g2", false, true},
		{"f2", "g2", false, true},
		{"g3", "g2", true, true},
		{"g2", "b2", false, false},
		{"f2", "d2", false, false},
	} {
		from, to := all[w.from], all[w.to]
		r.tryBoth(w.from+" to "+w.to, &from.Node, to.addresses, answer(to.name, w.direct))
		r.tryBoth(w.from+" to the published port of "+w.to, &from.Node,
			hostPorts(published[w.to]), answer(to.name, w.published))
	}
	for name, port := range published {
		r.tryBoth("outside to "+name, r.outside, hostPorts(port), name)
		r.tryBoth("the host to "+name, nil, hostPorts(port), name)
		r.tryBoth("outside to the address of "+name, r.outside, all[name].addresses, name)
	}
	for name, c := range all {
		r.tryBoth(name+" to the outside", &c.Node,
			[]string{"192.0.2.9:7000", "[fd00:9::9]:7000"}, "outside")
		kittest.Same(r.T, "drift of "+name, []string(nil), r.drift(c.Container, c.policy))
	}

	r.del(all["d2"].Container, all["d2"].policy)
	r.del(all["d3"].Lost(), all["d3"].policy)
	r.tryBoth("between those that were isolated", &all["d2"].Node, all["d3"].addresses, "d3")
	r.tryBoth("to what was isolated", &all["a2"].Node, all["d2"].addresses, "d2")
}

func answer(name string, passes bool) string {
	if passes {
		return name
	}
	return ""
}

func hostPorts(port int) []string {
	return []string{fmt.Sprintf("192.0.2.1:%d", port), fmt.Sprintf("[fd00:9::1]:%d", port)}
}

func (r *rig) tryBoth(name string, from *kittest.Node, addresses []string, want string) {
	r.T.Helper()
	for _, address := range addresses {
		r.Try(path(name, from, address, want))
	}
}

// TestIsolatedPortsExchangeNoFrames sends frames that no table for IP sees.
func TestIsolatedPortsExchangeNoFrames(t *testing.T) {
	const experimental, arp = 0x88b5, unix.ETH_P_ARP
	for _, test := range []struct {
		members string
		pass    bool
	}{
		{`"ingressPolicy":"same-bridge"`, true},
		{`"ingressPolicy":"isolated"`, false},
		{`"ingressPolicy":"isolated","backend":"iptables"`, false},
	} {
		t.Run(test.members, func(t *testing.T) {
			r := newRig(t)
			a2, a3 := r.participant("a2", test.members), r.participant("a3", test.members)
			for _, kind := range []uint16{experimental, arp} {
				if got := r.frameArrives(a2.Container, a3.Container, kind); got != test.pass {
					t.Errorf("frame of type %#x passes: %t, want %t", kind, got, test.pass)
				}
			}
		})
	}
}

// frameArrives sends a broadcast frame from one container, and reports whether another receives it.
func (r *rig) frameArrives(from, to *kittest.Container, kind uint16) (arrives bool) {
	r.T.Helper()
	listener := r.packetSocket(&to.Node, kind)
	defer unix.Close(listener)
	sender := r.packetSocket(&from.Node, kind)
	defer unix.Close(sender)
	const mark = "frame of the test"
	frame := []byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x77")
	frame = append(frame, byte(kind>>8), byte(kind))
	frame = append(append(frame, mark...), make([]byte, 64)...)
	_, err := unix.Write(sender, frame)
	kittest.Must(r.T, err)
	wait := unix.NsecToTimeval(int64(300 * time.Millisecond))
	kittest.Must(r.T, unix.SetsockoptTimeval(listener, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait))
	for buffer := make([]byte, 2048); ; {
		n, err := unix.Read(listener, buffer)
		if err != nil {
			return false
		}
		if strings.Contains(string(buffer[:n]), mark) {
			return true
		}
	}
}

func (r *rig) packetSocket(n *kittest.Node, kind uint16) (fd int) {
	r.T.Helper()
	index := r.Link(n.Conn, "eth0").Index
	kittest.Must(r.T, n.Do(r.T, func() (err error) {
		protocol := kind<<8 | kind>>8
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(protocol))
		if err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: index})
	}))
	return fd
}

// TestRulesOfAnEarlierVersionGiveWay: CHECK reports them, ADD and repair replace them.
func TestRulesOfAnEarlierVersionGiveWay(t *testing.T) {
	const policy = `"ingressPolicy":"isolated"`
	n := nft.Hash("a")
	earlier := `flush chain inet libcni firewall
flush chain bridge libcni firewall
add rule inet libcni firewall jump firewall-admin comment "the administrator's rules"
add rule inet libcni firewall ct status dnat accept comment "published ports"
add rule inet libcni firewall jump firewall-isolation comment "ingressPolicy"
add rule inet libcni firewall ct state established,related accept comment "answers"
add rule inet libcni firewall jump firewall-networks comment "from containers"
delete chain inet libcni firewall-published
flush chain inet libcni firewall-bridges
add rule inet libcni firewall-bridges oifname @firewall-bridges-` + n + ` drop comment "` + n + `, net: a"
add rule bridge libcni firewall meta protocol ip iifname @firewall-ports-` + n + ` oifname @firewall-ports-` + n + ` drop comment "` + n + `, net: a"
add rule bridge libcni firewall meta protocol ip6 iifname @firewall-ports-` + n + ` oifname @firewall-ports-` + n + ` drop comment "` + n + `, net: a"
`
	for name, mend := range map[string]func(*rig, *kittest.Container){
		"ADD":    func(r *rig, c *kittest.Container) { r.add(kittest.Paper("a", 3), policy) },
		"repair": func(r *rig, c *kittest.Container) { r.repair(c, policy) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := kittest.Paper("a", 2)
			r.add(c, policy)
			kittest.Feed(r.T, earlier, "nft", "-f", "-")
			if got := r.drift(c, policy); len(got) != 4 {
				t.Errorf("CHECK finds %d differences, want 4: %q", len(got), got)
			}
			mend(r, c)
			kittest.Same(r.T, "drift", []string(nil), r.drift(c, policy))
			rules := kittest.Table(r.T, "bridge")
			if strings.Count(rules, "drop") != 1 || strings.Contains(rules, "meta protocol") {
				t.Errorf("the rules of the earlier version are left:\n%s", rules)
			}
			for _, number := range []int{2, 3} {
				r.del(kittest.Paper("a", number), policy)
			}
			if strings.Contains(kittest.Ruleset(r.T), "net: a") {
				t.Errorf("left after DEL:\n%s", kittest.Ruleset(r.T))
			}
		})
	}
}

// TestExceptionEndsWithItsKey: an ADD or repair without allowPublishedPorts closes the ports again.
func TestExceptionEndsWithItsKey(t *testing.T) {
	const policy = `"ingressPolicy":"same-bridge"`
	r := newRig(t)
	c := kittest.Paper("a", 2)
	r.add(c, policy)
	want := kittest.Table(r.T, "inet")
	r.add(c, policy+`,"allowPublishedPorts":true`)
	kittest.Same(r.T, "number of differences", 2, len(r.drift(c, policy)))
	r.add(c, policy)
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, policy))
	kittest.Same(r.T, "rules", want, kittest.Table(r.T, "inet"))
}

// TestChangedPolicyIsGoneWithTheLastContainer: an administrator changes the policy while containers
// run, whose DEL then has the new one.
func TestChangedPolicyIsGoneWithTheLastContainer(t *testing.T) {
	const open, sameBridge, isolated = `"ingressPolicy":"open"`, `"ingressPolicy":"same-bridge"`,
		`"ingressPolicy":"isolated"`
	for _, backend := range []string{backendNFTables, backendIPTables} {
		for _, change := range [][2]string{{isolated, open}, {open, isolated}, {isolated, sameBridge},
			{sameBridge, isolated}, {sameBridge, open}, {open, sameBridge}} {
			t.Run(backend+", "+change[0]+" to "+change[1], func(t *testing.T) {
				r := newRig(t)
				before := `"backend":"` + backend + `",` + change[0]
				now := `"backend":"` + backend + `",` + change[1]
				old, other := r.container("a", 2), r.container("a", 3)
				r.add(old, before)
				r.add(other, now)
				r.del(old, now)
				r.del(other, now)
				for _, family := range []string{"inet", "bridge"} {
					if table := kittest.Table(t, family); strings.Contains(table, "net: a") {
						t.Errorf("left in table %s libcni:\n%s", family, table)
					}
				}
			})
		}
	}
}
