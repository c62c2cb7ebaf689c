package nft

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sockets keeps the sockets of calls that are done for the next ones, for a moment. Closing one at once is expensive:
// the kernel first waits, and keeps everybody from changing rules meanwhile, until what was deleted before is freed,
// which takes it some 10 ms. It also keeps what calls have read of rules. Safe for concurrent use; the zero value is
// ready.
type Sockets struct {
	mu     sync.Mutex
	idle   []*socket
	memory memory
}

const (
	maxIdle  = 8
	idleTime = 200 * time.Millisecond
)

type callKey struct{}

// call is one call of a host's, which keeps its threads in their namespaces: where one of them is needs to be looked up
// once.
type call struct {
	*Sockets
	mu        sync.Mutex
	thread    int
	namespace [2]uint64
}

// With returns a context for one call, whose Updates and Views share the sockets and what was read. A thread that makes
// them stays in its network namespace meanwhile.
func (s *Sockets) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, &call{Sockets: s})
}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{Sockets: &Sockets{}}
}

// take returns a socket in the network namespace of the calling thread.
func (c *call) take() (*socket, error) {
	thread := unix.Gettid()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thread != thread {
		namespace, err := ownNamespace()
		if err != nil {
			return nil, err
		}
		c.thread, c.namespace = thread, namespace
	}
	return c.Sockets.take(c.namespace)
}

// socket is a NETLINK_NETFILTER socket with what tells it from others: the host may close descriptors that are not its
// own, and give their numbers to files of its own.
type socket struct {
	fd        int
	inode     uint64
	namespace [2]uint64                // of the thread that opened it: device and inode
	cookie    uint64                   // of the namespace; 0 before Linux 5.14
	large     bool                     // the kernel's buffers are
	sequence  uint32                   // of the next question
	buf       []byte                   // for what is received
	messages  []syscall.NetlinkMessage // of it
}

// take returns a socket in the namespace, which is the calling thread's.
func (s *Sockets) take(namespace [2]uint64) (*socket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.idle) - 1; i >= 0; i-- {
		if kept := s.idle[i]; kept.namespace == namespace {
			s.idle = slices.Delete(s.idle, i, i+1)
			if kept.intact() {
				return kept, nil
			}
		}
	}
	return newSocket(namespace)
}

// give takes a socket back, which must have nothing left to receive.
func (s *Sockets) give(done *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) >= maxIdle {
		time.AfterFunc(idleTime, done.close)
		return
	}
	s.idle = append(s.idle, done)
	time.AfterFunc(idleTime, func() { s.expire(done) })
}

// expire closes a socket that has not been taken since it was given back. One that has been, and given back again, is
// closed too early by its first timer, which does no harm.
func (s *Sockets) expire(old *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.idle, old); i >= 0 {
		s.idle = slices.Delete(s.idle, i, i+1)
		go old.close()
	}
}

func newSocket(namespace [2]uint64) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, &Error{Errno: err.(unix.Errno), Request: "open", unsupported: true}
	} else if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fstat", err)
	}
	// The kernel's own words in errors, without the request repeated. Absent before Linux 4.12.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		cookie = 0
	}
	return &socket{fd: fd, inode: stat.Ino, namespace: namespace, cookie: cookie, sequence: 1, buf: make([]byte, 64<<10)}, nil
}

// intact says whether the descriptor is still this socket's.
func (s *socket) intact() bool {
	var stat unix.Stat_t
	return unix.Fstat(s.fd, &stat) == nil && stat.Ino == s.inode && stat.Mode&unix.S_IFMT == unix.S_IFSOCK
}

func (s *socket) close() {
	if s.intact() {
		_ = unix.Close(s.fd)
	}
}

func ownNamespace() ([2]uint64, error) {
	var stat unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &stat); err != nil {
		return [2]uint64{}, &os.PathError{Op: "stat", Path: "/proc/thread-self/ns/net", Err: err}
	}
	return [2]uint64{uint64(stat.Dev), stat.Ino}, nil
}
