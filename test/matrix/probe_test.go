package matrix

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/test/rig"
)

// A probe is a connection of a cell.
type probe struct {
	cell
	netns string
	from  netip.Addr // to bind; the kernel chooses if it is not valid
	to    netip.AddrPort
	wait  time.Duration

	fd     int
	result string // "" while it is not known
	failed bool   // the result is another error than those of a packet that is dropped or refused
	until  time.Time
	state  state
}

type state int

const (
	connecting state = iota
	reading
	done
)

// How long a probe waits for an answer. A packet of these namespaces that is not dropped arrives
// while it is sent; an answer that is expected may need a process that does not run yet.
const (
	patience   = 3 * time.Second
	impatience = 200 * time.Millisecond
)

// run sends all probes at once and waits for their results.
func run(probes []*probe) error {
	for _, p := range probes {
		if err := rig.Within(p.netns, p.connect); err != nil {
			return err
		}
		defer unix.Close(p.fd)
	}
	for {
		var waiting []*probe
		var polled []unix.PollFd
		next := patience
		for _, p := range probes {
			if p.state != done {
				waiting = append(waiting, p)
				polled = append(polled, p.events())
				next = min(next, time.Until(p.until))
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		if _, err := unix.Poll(polled, int(max(next, 0).Milliseconds())+1); err != nil &&
			!errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		for i, p := range waiting {
			p.proceed(polled[i].Revents != 0)
		}
	}
}

// connect begins the connection, on a thread in the namespace.
func (p *probe) connect() (err error) {
	domain := unix.AF_INET
	if p.to.Addr().Is6() {
		domain = unix.AF_INET6
	}
	p.fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	p.until = time.Now().Add(p.wait)
	if p.from.IsValid() {
		if err := unix.Bind(p.fd, address(netip.AddrPortFrom(p.from, 0))); err != nil {
			return os.NewSyscallError("bind "+p.String(), err)
		}
	}
	if err := unix.Connect(p.fd, address(p.to)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		p.end(err)
	}
	return nil
}

func address(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func (p *probe) events() unix.PollFd {
	if p.state == connecting {
		return unix.PollFd{Fd: int32(p.fd), Events: unix.POLLOUT}
	}
	return unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN}
}

// proceed does the next step of a probe that is ready, or ends one that is late.
func (p *probe) proceed(ready bool) {
	switch {
	case !ready && time.Now().After(p.until):
		p.end(unix.ETIMEDOUT)
	case !ready:
	case p.state == connecting:
		code, err := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err == nil {
			_, err = unix.Write(p.fd, []byte("who\n"))
		}
		if p.state = reading; err != nil {
			p.end(err)
			return
		}
		p.until = time.Now().Add(patience) // it is connected; the server is a process
	default:
		answer := make([]byte, 200)
		n, err := unix.Read(p.fd, answer)
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			p.end(err)
			return
		}
		p.result, p.state = string(answer[:n]), done
	}
}

// end ends a probe without an answer.
func (p *probe) end(err error) {
	p.state = done
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		p.result = refused
	case errors.Is(err, unix.ETIMEDOUT), errors.Is(err, unix.EHOSTUNREACH),
		errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM),
		errors.Is(err, unix.EINVAL):
		p.result = blocked
	default:
		p.result, p.failed = err.Error(), true
	}
}
