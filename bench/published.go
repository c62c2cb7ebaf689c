package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const publishedCase = "published port"

// The address of each host on the link to its client.
const (
	outsideHost   = "198.51.100.1"
	outsideClient = "198.51.100.2"
)

// machineOf is a host of one side, a namespace of its own: the rules of the sides would slow each
// other down. A client in another namespace connects to the published ports of its containers.
type machineOf struct {
	*side
	hands    []*side // the side, and others like it that attach at the same time
	client   string  // the namespace of the client
	attached int
}

// hands is the number of processes that attach the containers of a side. The peers take more than
// ten minutes for 500 containers one after the other.
const hands = 2

// published measures the time that a connection through a published port takes to be opened, beside
// different numbers of containers that have a published port each. Each side attaches its
// containers itself, all sides at the same time; no connection is measured meanwhile.
func published(b *bench) error {
	machines, err := b.machines()
	if err != nil {
		return err
	}
	for _, containers := range []int{1, b.count(100, 10), b.count(500, 20)} {
		begin := time.Now()
		if err := atOnce(machines, func(m *machineOf) error { return m.attach(containers) }); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d attached after %.1f s … ", containers, time.Since(begin).Seconds())
		if err := b.connectBeside(machines, containers); err != nil {
			return err
		}
	}
	return atOnce(machines, (*machineOf).remove)
}

func (b *bench) machines() (machines []*machineOf, err error) {
	sides := []string{libcni, reference, iptables, netavark, theFloor}
	if path, _ := netavarkPath(b.build, netavark); !exists(path) {
		sides = append(sides, packagedNetavark)
	}
	for i, v := range b.variants(sides) {
		if !b.installed(publishedCase, v.name) {
			continue
		}
		m, err := b.newMachine(v, 60+i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v, err)
		}
		machines = append(machines, m)
	}
	return machines, nil
}

// atOnce does the same for all machines at the same time.
func atOnce(machines []*machineOf, do func(*machineOf) error) error {
	done := make(chan error)
	for _, m := range machines {
		go func() {
			err := do(m)
			if err != nil {
				err = fmt.Errorf("%s: %w", m.label(), err)
			}
			done <- err
		}()
	}
	var err error
	for range machines {
		err = errors.Join(err, <-done)
	}
	return err
}

// connectBeside measures all sides in turns, each with the same number of containers. The turns are
// many and short, so that a slow moment of the machine spoils few of them.
func (b *bench) connectBeside(machines []*machineOf, containers int) error {
	method := connectMethod(containers)
	var sides []*side
	of := map[*side]*machineOf{}
	for _, m := range machines {
		sides = append(sides, m.side)
		of[m.side] = m
	}
	for run := range b.count(30, 8) {
		for _, s := range b.order(sides, run) {
			took, err := of[s].connections(b.count(500, 100))
			if err != nil {
				return fmt.Errorf("%s: %w", s.label(), err)
			}
			s.turns[method] = append(s.turns[method], []time.Duration{took})
		}
	}
	b.reportTimes(publishedCase, sides, []string{method})
	for _, s := range sides {
		b.report.figure(connectFigure(s.label(), containers), "",
			1/median(s.times(method)).Seconds())
	}
	return nil
}

func connectMethod(containers int) string { return "connect, " + some(containers) }

func some(containers int) string {
	if containers == 1 {
		return "1 container"
	}
	return fmt.Sprintf("%d containers", containers)
}

func connectFigure(side string, containers int) string {
	return fmt.Sprintf("%s: connections a second through a published port, %s", side,
		some(containers))
}

func (b *bench) newMachine(v variant, number int) (*machineOf, error) {
	host := filepath.Join(b.dir, fmt.Sprint("host", number))
	m := &machineOf{client: filepath.Join(b.dir, fmt.Sprint("client", number))}
	if err := errors.Join(makeHost(host), makeNetns(m.client)); err != nil {
		return nil, err
	}
	if err := inside(host, m.connectClient); err != nil {
		return nil, err
	}
	workers := hands
	if v.name == theFloor {
		workers = 1 // it makes the bridge as it starts
	}
	for range workers {
		hand, err := b.newSide(v, side{chain: "full", number: number, dir: b.dir, host: host})
		if err != nil {
			return nil, err
		}
		m.hands = append(m.hands, hand)
	}
	m.side = m.hands[0]
	return m, nil
}

// connectClient runs in the host.
func (m *machineOf) connectClient() error {
	if err := errors.Join(withoutIPv6(), inside(m.client, withoutIPv6)); err != nil {
		return err
	}
	file, err := os.Open(m.client)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "outside"}, PeerName: "eth0",
		PeerNamespace: netlink.NsFd(file.Fd()),
	}); err != nil {
		return err
	}
	if err := giveAddress("outside", outsideHost); err != nil {
		return err
	}
	return inside(m.client, func() error { return giveAddress("eth0", outsideClient) })
}

// withoutIPv6 disables IPv6 on later links of the namespace. Otherwise each of 500 containers
// repeats router solicitations for minutes, the bridge delivers each to all others, and the
// connections of every side wait meanwhile.
func withoutIPv6() error {
	return os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644)
}

// giveAddress sets a link up with an address.
func giveAddress(name, address string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	parsed, err := netlink.ParseAddr(address + "/24")
	if err != nil {
		return err
	}
	return errors.Join(netlink.AddrAdd(link, parsed), netlink.LinkSetUp(link))
}

// attach attaches containers until there is a number of them. The first is attached alone, by a
// call for one container, since it makes the bridge.
func (m *machineOf) attach(number int) error {
	for i := m.containers; i < number; i++ {
		if err := m.makeContainers(i + 1); err != nil {
			return err
		}
		if err := inside(m.netns(i), withoutIPv6); err != nil {
			return err
		}
	}
	var next atomic.Int64
	next.Store(int64(m.attached))
	done := make(chan error)
	for _, hand := range m.hands {
		go func() {
			var err error
			for i := next.Add(1) - 1; i < int64(number) && err == nil; i = next.Add(1) - 1 {
				_, err = hand.make("add", int(i))
			}
			done <- err
		}()
	}
	var err error
	for range m.hands {
		err = errors.Join(err, <-done)
	}
	m.attached = number
	if m.name == theFloor && err == nil {
		err = m.publish()
	}
	return err
}

// publish gives the floor's host its only rule, which looks up the container of a port.
func (m *machineOf) publish() error {
	var ports []string
	for i := range m.attached {
		ports = append(ports, fmt.Sprintf("%d : %s . 80", m.hostPort(i), m.address(i)))
	}
	rules := fmt.Sprintf(`add table ip floor
delete table ip floor
table ip floor {
	map ports {
		type inet_service : ipv4_addr . inet_service
		elements = { %s }
	}
	chain published {
		type nat hook prerouting priority dstnat
		dnat ip to tcp dport map @ports
	}
}`, strings.Join(ports, ", "))
	return m.onHost(func() error {
		nft := exec.Command("nft", "-f", "-")
		nft.Stdin = strings.NewReader(rules)
		if out, err := nft.CombinedOutput(); err != nil {
			return fmt.Errorf("nft: %w: %s", err, out)
		}
		return nil
	})
}

// connections opens and resets connections from the client to some of the containers in turn, the
// first and the last among them, and returns how long one takes on average.
func (m *machineOf) connections(number int) (time.Duration, error) {
	var addresses []*unix.SockaddrInet4
	tried := min(m.attached, 10)
	for n := range tried {
		i := n * (m.attached - 1) / max(tried-1, 1)
		listener, err := m.listen(i)
		if err != nil {
			return 0, err
		}
		defer unix.Close(listener)
		address := &unix.SockaddrInet4{Port: m.hostPort(i)}
		copy(address.Addr[:], net.ParseIP(outsideHost).To4())
		addresses = append(addresses, address)
	}
	if err := quiet(); err != nil {
		return 0, err
	}
	var took time.Duration
	err := inside(m.client, func() error {
		for _, address := range addresses { // the neighbours get to know each other
			if err := connect(address); err != nil {
				return err
			}
		}
		begin := time.Now()
		for n := range number {
			if err := connect(addresses[n%tried]); err != nil {
				return fmt.Errorf("connection %d: %w", n, err)
			}
		}
		took = time.Since(begin)
		return nil
	})
	return took / time.Duration(number), err
}

// listen opens a socket at port 80 of a container. Its queue holds all connections, so that nothing
// but the kernel has a part in them.
func (m *machineOf) listen(i int) (fd int, err error) {
	err = inside(m.netns(i), func() error {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		// a new namespace has the default of 4096 or, before Linux 5.4, of 128
		_ = os.WriteFile("/proc/sys/net/core/somaxconn", []byte("65535"), 0o644)
		return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.Bind(fd, &unix.SockaddrInet4{Port: 80}), unix.Listen(fd, 65535))
	})
	return fd, err
}

// connect opens a connection and resets it, which leaves no state to wait for.
func connect(to unix.Sockaddr) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	const fewRepetitions = 3 // of the first packet, in some 15 s
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_SYNCNT, fewRepetitions)
	if err == nil {
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if err == nil {
		err = unix.Connect(fd, to)
	}
	return err
}

// remove removes the side with its hosts, and all that is in them.
func (m *machineOf) remove() error {
	for _, hand := range m.hands {
		if hand.process != nil {
			hand.process.end()
		}
	}
	paths := []string{m.host, m.client}
	for i := range m.containers {
		paths = append(paths, m.netns(i))
	}
	for _, path := range paths {
		if err := removeNetns(path); err != nil {
			return err
		}
	}
	return os.RemoveAll(m.dir)
}
