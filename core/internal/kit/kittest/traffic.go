package kittest

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Serve answers every datagram and connection to a port of a node with a word and the address that
// asked.
func (h *Host) Serve(n *Node, address, word string) {
	h.T.Helper()
	Must(h.T, n.Do(h.T, func() error {
		packets, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		h.T.Cleanup(func() { packets.Close() })
		go servePackets(packets, word)
		connections, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		h.T.Cleanup(func() { connections.Close() })
		go serveConnections(connections, word)
		return nil
	}))
}

func servePackets(packets net.PacketConn, word string) {
	buf := make([]byte, 100)
	for {
		_, from, err := packets.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = packets.WriteTo([]byte(word+" "+from.(*net.UDPAddr).IP.String()), from)
	}
}

func serveConnections(connections net.Listener, word string) {
	for {
		conn, err := connections.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(word + " " + conn.RemoteAddr().(*net.TCPAddr).IP.String()))
		conn.Close()
	}
}

// Ask sends to an address from a node and returns the answer; "" for none, whether refused or not
// in time.
func (h *Host) Ask(n *Node, network, address string, wait time.Duration) string {
	h.T.Helper()
	answer := ""
	Must(h.T, n.Do(h.T, func() error {
		conn, err := net.DialTimeout(network, address, wait)
		if unanswered(err) {
			return nil
		} else if err != nil {
			return err
		}
		defer conn.Close()
		answer = Exchange(conn, wait)
		return nil
	}))
	return answer
}

// FirstPacketsArrive sends one packet to a container that has just been attached, and one from it
// to an address of the host. Both serve port 7000.
func (h *Host) FirstPacketsArrive(c *Container, address, hostAddress string) {
	h.T.Helper()
	if h.Ask(nil, "udp", Port(address, "7000"), time.Second) == "" {
		h.T.Errorf("%s does not answer", address)
	}
	if h.Ask(&c.Node, "udp", Port(hostAddress, "7000"), time.Second) == "" {
		h.T.Errorf("the host does not answer %s", address)
	}
}

// Exchange sends something on a connection and returns the answer; "" for none.
func Exchange(conn net.Conn, wait time.Duration) string {
	_ = conn.SetDeadline(time.Now().Add(wait))
	if _, err := conn.Write([]byte("?")); err != nil {
		return ""
	}
	buf := make([]byte, 100)
	n, _ := conn.Read(buf)
	return string(buf[:n])
}

func unanswered(err error) bool {
	for _, e := range []error{
		syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return os.IsTimeout(err)
}

// Path is traffic to try, over TCP and UDP.
type Path struct {
	Name string
	From *Node  // nil for the host
	To   string // address and port
	Want string // word of the server, or word and address that it sees; "" for no answer
}

// Try tries paths. It waits 150 ms for an answer that must not come, and for every answer once the
// test has failed.
func (h *Host) Try(paths ...Path) {
	h.T.Helper()
	for _, p := range paths {
		for _, network := range []string{"tcp", "udp"} {
			wait := Patience
			if p.Want == "" || h.T.Failed() {
				wait = 150 * time.Millisecond
			}
			got := h.Ask(p.From, network, p.To, wait)
			if got != p.Want && (p.Want == "" || !strings.HasPrefix(got, p.Want+" ")) {
				h.T.Errorf("%s, %s to %s: %q, want %q", p.Name, network, p.To, got, p.Want)
			}
		}
	}
}

// Port joins an address and a port.
func Port(address, port string) string { return net.JoinHostPort(address, port) }
