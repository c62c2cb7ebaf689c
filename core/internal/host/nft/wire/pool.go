package wire

import (
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Pool keeps the sockets of finished calls for the next ones, for a moment. To close one at once is
// expensive: the kernel first waits until what was deleted before is freed, some 10 ms, and lets no
// process change rules meanwhile. Safe for concurrent use; the zero value is ready.
type Pool struct {
	mu   sync.Mutex
	idle []*Socket
}

const (
	maxIdle  = 8
	idleTime = 200 * time.Millisecond
)

// Namespace is the device and inode of a network namespace.
type Namespace [2]uint64

// CurrentNamespace returns that of the calling thread.
func CurrentNamespace() (Namespace, error) {
	const path = "/proc/thread-self/ns/net"
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return Namespace{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return Namespace{uint64(stat.Dev), stat.Ino}, nil
}

// Socket is a NETLINK_NETFILTER socket with what distinguishes its descriptor from others: the host
// may close descriptors that are not its own, and open files that get the same numbers.
type Socket struct {
	Namespace Namespace // of the thread that opened it
	Cookie    uint64    // of the namespace; 0 before Linux 5.14

	conn  *netlink.Conn
	inode uint64
	large bool // the kernel's buffers are enlarged
}

// Take returns a socket in the namespace, which is the calling thread's.
func (p *Pool) Take(namespace Namespace) (*Socket, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if kept := p.idle[i]; kept.Namespace == namespace {
			p.idle = slices.Delete(p.idle, i, i+1)
			if kept.intact() {
				return kept, nil
			}
		}
	}
	return newSocket(namespace)
}

// Give takes a socket back. One that has something left to receive is closed later, as Pool says.
func (p *Pool) Give(done *Socket) {
	if done.conn.Unfinished {
		time.AfterFunc(idleTime, done.close)
		return
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) >= maxIdle {
		time.AfterFunc(idleTime, done.close)
		return
	}
	p.idle = append(p.idle, done)
	time.AfterFunc(idleTime, func() { p.expire(done) })
}

// expire closes a socket that has not been taken since it was given back. If it was taken and given
// back again, its first timer closes it too early, which does no harm.
func (p *Pool) expire(old *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.idle, old); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
		go old.close()
	}
}

func newSocket(namespace Namespace) (*Socket, error) {
	opened, err := netlink.Open(unix.NETLINK_NETFILTER, 0)
	var number unix.Errno
	if errors.As(err, &number) && (number == unix.EPROTONOSUPPORT || number == unix.EAFNOSUPPORT) {
		return nil, &Error{Errno: number, Request: "open", unsupported: true}
	}
	if err != nil {
		return nil, err
	}

	var stat unix.Stat_t
	if err := unix.Fstat(opened.Fd(), &stat); err != nil {
		opened.Close()
		return nil, os.NewSyscallError("fstat", err)
	}
	opened.Enable(unix.NETLINK_CAP_ACK) // errors do not repeat the request, which may be large
	s := &Socket{Namespace: namespace, conn: netlink.NewConn(opened, new(netlink.Buffer)),
		inode: stat.Ino}
	if cookie, err := opened.NamespaceCookie(); err == nil {
		s.Cookie = cookie
	}
	return s, nil
}

// intact reports whether the descriptor is still this socket's.
func (s *Socket) intact() bool {
	var stat unix.Stat_t
	return unix.Fstat(s.conn.Fd(), &stat) == nil && stat.Ino == s.inode &&
		stat.Mode&unix.S_IFMT == unix.S_IFSOCK
}

func (s *Socket) close() {
	if s.intact() {
		s.conn.Close()
	}
}
