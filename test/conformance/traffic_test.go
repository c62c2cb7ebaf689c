package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/libcni/libcni/test/rig"
)

// patience is how long a server and its client wait for each other. An IPv6 address of the host may
// be of use only a second after it was set.
const patience = 10 * time.Second

// exchange sends a word from one namespace to a server in another and expects it back; "" is the
// host. It is called on the host's goroutine.
func exchange(network, address, serverIn, clientIn string) error {
	deadline := time.Now().Add(patience)
	port, stop, err := serve(network, address, serverIn, deadline)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	defer stop()
	return rig.Within(clientIn, func() error {
		conn, err := (&net.Dialer{Deadline: deadline}).Dial(network, net.JoinHostPort(address, port))
		if err != nil {
			return err
		}
		defer conn.Close()
		return askUntil(conn, network, deadline)
	})
}

// askUntil asks once over TCP, and again and again over UDP: the first datagrams may go while the
// peer is looked for.
func askUntil(conn net.Conn, network string, deadline time.Time) error {
	for {
		limit := deadline
		if network == "udp" {
			limit = time.Now().Add(200 * time.Millisecond)
		}
		err := ask(conn, limit)
		if err == nil || network == "tcp" || time.Now().After(deadline) {
			return err
		}
	}
}

func ask(conn net.Conn, limit time.Time) error {
	if err := conn.SetDeadline(limit); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("ping")); err != nil {
		return err
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if string(answer) != "ping" {
		return fmt.Errorf("got %q back", answer)
	}
	return nil
}

// serve echoes what comes in to an address, and returns its port.
func serve(
	network, address, netns string, deadline time.Time,
) (port string, stop func(), err error) {
	err = rig.Within(netns, func() error {
		at := net.JoinHostPort(address, "0")
		if network == "udp" {
			conn, err := untilAssignable(deadline,
				func() (net.PacketConn, error) { return net.ListenPacket(network, at) })
			if err != nil {
				return err
			}
			_, port, _ = net.SplitHostPort(conn.LocalAddr().String())
			stop = func() { conn.Close() }
			go echoPackets(conn)
			return nil
		}
		listener, err := untilAssignable(deadline,
			func() (net.Listener, error) { return net.Listen(network, at) })
		if err != nil {
			return err
		}
		_, port, _ = net.SplitHostPort(listener.Addr().String())
		stop = func() { listener.Close() }
		go echoStream(listener)
		return nil
	})
	return port, stop, err
}

// untilAssignable tries again while an address is there but not yet known to be nobody else's.
func untilAssignable[T any](deadline time.Time, listen func() (T, error)) (T, error) {
	for {
		l, err := listen()
		if !errors.Is(err, syscall.EADDRNOTAVAIL) || time.Now().After(deadline) {
			return l, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func echoStream(listener net.Listener) {
	conn, err := listener.Accept()
	if err != nil {
		return // stopped
	}
	defer conn.Close()
	_, _ = io.Copy(conn, conn)
}

func echoPackets(conn net.PacketConn) {
	buffer := make([]byte, 64)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return // stopped
		}
		_, _ = conn.WriteTo(buffer[:n], from)
	}
}
