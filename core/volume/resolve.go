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

// hostsFile is read in the mount namespace of the calling thread.
const hostsFile = "/etc/hosts"

// resolve returns the addresses of a host: an address, or a name in /etc/hosts or the DNS.
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
	return lookUpDNS(ctx, host)
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

// lookUpDNS makes Go's resolver query the servers of the caller's network namespace. The resolver
// runs on goroutines of its own, and the calling goroutine makes its sockets.
func lookUpDNS(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	dialer := callerDialer{ctx: ctx, requests: make(chan dialRequest)}
	resolver := net.Resolver{PreferGo: true, Dial: dialer.dial}
	var found []netip.Addr
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		found, err = resolver.LookupNetIP(ctx, "ip", host)
	}()
	dialer.serve(done)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", host, contextError(ctx, err))
	}
	return found, nil
}

// callerDialer makes the connections that other goroutines request on the goroutine that serves
// them.
type callerDialer struct {
	ctx      context.Context
	requests chan dialRequest
}

type dialRequest struct {
	network, address string
	made             chan dialed // has room for one
}

type dialed struct {
	conn net.Conn
	err  error
}

// dial requests a connection and waits for it.
func (d callerDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	request := dialRequest{network, address, make(chan dialed, 1)}
	select {
	case d.requests <- request:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.ctx.Done():
		return nil, d.ctx.Err()
	}
	made := <-request.made
	return made.conn, made.err
}

// serve makes the requested connections on the calling goroutine until done is closed.
func (d callerDialer) serve(done <-chan struct{}) {
	for {
		select {
		case request := <-d.requests:
			conn, err := new(net.Dialer).DialContext(d.ctx, request.network, request.address)
			if err == nil && strings.HasPrefix(request.network, "tcp") {
				conn, err = stream.Quiet(conn)
			}
			request.made <- dialed{conn, err}
		case <-done:
			return
		}
	}
}
