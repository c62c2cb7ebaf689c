package volume

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/host/stream"
)

// hostsFile is read on the calling thread, in its mount namespace.
const hostsFile = "/etc/hosts"

// resolve returns the addresses of a host: of an address itself, of a name in /etc/hosts or the DNS.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	if data, err := readFile(hostsFile); err == nil {
		if found := inHosts(data, host); len(found) > 0 {
			return found, nil
		}
	}
	if strings.EqualFold(host, "localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	return askDNS(ctx, host)
}

func inHosts(data []byte, host string) (found []netip.Addr) {
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.ContainsFunc(fields[1:], func(name string) bool {
			return strings.EqualFold(name, host)
		}) {
			continue
		}
		if ip, err := netip.ParseAddr(fields[0]); err == nil {
			found = append(found, ip)
		}
	}
	return found
}

// askDNS lets Go's resolver ask. It works on goroutines of its own, but the sockets it asks through are made here, on
// the calling goroutine: the servers are those of the caller's network namespace.
func askDNS(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type socket struct {
		conn net.Conn
		err  error
	}
	type wish struct {
		network, address string
		made             chan socket
	}
	wishes := make(chan wish)
	resolver := net.Resolver{PreferGo: true, Dial: func(ask context.Context, network,
		address string) (net.Conn, error) {
		w := wish{network, address, make(chan socket, 1)}
		select {
		case wishes <- w:
		case <-ask.Done():
			return nil, ask.Err()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		s := <-w.made
		return s.conn, s.err
	}}
	var found []netip.Addr
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		found, err = resolver.LookupNetIP(ctx, "ip", host)
	}()
	for {
		select {
		case w := <-wishes:
			conn, dialErr := new(net.Dialer).DialContext(ctx, w.network, w.address)
			if dialErr == nil && strings.HasPrefix(w.network, "tcp") {
				conn, dialErr = stream.Quiet(conn)
			}
			w.made <- socket{conn, dialErr}
		case <-done:
			if err != nil {
				return nil, fmt.Errorf("host %s: %w", host, because(ctx, err))
			}
			return found, nil
		}
	}
}
