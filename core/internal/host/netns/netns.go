// Package netns opens, enters, makes and removes network namespaces. It never moves the thread it is called on to
// another namespace: what must run inside one runs on a thread of its own, which ends with its work.
package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// What Open and Delete refuse, for errors.Is. A path that does not exist is fs.ErrNotExist, missing privileges are
// fs.ErrPermission.
var (
	ErrNotNamespace = errors.New("not a network namespace")
	ErrOwn          = errors.New("the caller's own network namespace")
	ErrRelative     = errors.New("not an absolute path")
)

// ownPath names the namespace of the calling thread, which need not be that of the process's first thread.
const ownPath = "/proc/thread-self/ns/net"

// Namespace is an open network namespace. It stays what it is whatever becomes of the path, and keeps the namespace
// alive until Close. Safe for concurrent use.
type Namespace struct {
	path    string
	threads *Threads // may be nil

	mu     sync.Mutex    // guards what follows
	fd     int           // -1 once closed
	inside *worker       // nil until the first Do
	cookie uint64        // 0 until known; the kernel gives out no 0
	asked  chan struct{} // closed when the cookie that Ask asked for is there, or could not be had; nil if nobody asked
	route  int           // the rtnetlink socket that told the cookie, until it is taken; -1 if there is none
}

// Open opens the network namespace at path, as the calling thread sees that path. The caller closes it. The namespace
// the calling thread is in is refused with ErrOwn, anything that is no network namespace with ErrNotNamespace.
//
// A relative path is refused: it is kept in the state on disk, where it would mean something else to the next reader.
func Open(path string) (*Namespace, error) {
	fd, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", path, err)
	}
	own, err := isOwn(fd)
	if err == nil && own {
		err = ErrOwn
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("namespace %s: %w", path, err)
	}
	return &Namespace{path: path, fd: fd, route: -1}, nil
}

// open returns a descriptor of the network namespace at path.
func open(path string) (int, error) {
	if !filepath.IsAbs(path) {
		return -1, ErrRelative
	}
	// Without O_NONBLOCK a FIFO at path would block the caller until somebody writes to it.
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	})
	if err != nil {
		return -1, openError(err)
	}
	if err := mustBeNetwork(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openError says ErrNotNamespace for what cannot even be opened because of what it is: a socket, a device without
// driver.
func openError(err error) error {
	if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("%w: %w", ErrNotNamespace, err)
	}
	return err
}

// mustBeNetwork asks the file system first: the ioctl's number means other things to other files.
func mustBeNetwork(fd int) error {
	var in unix.Statfs_t
	if err := unix.Fstatfs(fd, &in); err != nil {
		return err
	}
	if in.Type != unix.NSFS_MAGIC {
		return ErrNotNamespace
	}
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err != nil {
		return err
	}
	if kind != unix.CLONE_NEWNET {
		return fmt.Errorf("%w but one of another kind", ErrNotNamespace)
	}
	return nil
}

// isOwn reports whether fd is the namespace of the calling thread.
func isOwn(fd int) (bool, error) {
	var there, here unix.Stat_t
	if err := unix.Fstat(fd, &there); err != nil {
		return false, err
	}
	if err := unix.Stat(ownPath, &here); err != nil {
		return false, fmt.Errorf("%s: %w", ownPath, err)
	}
	return there.Dev == here.Dev && there.Ino == here.Ino, nil
}

// Path returns the path given to Open.
func (n *Namespace) Path() string { return n.path }

// Fd returns the descriptor, for IFLA_NET_NS_FD and the like; -1 once closed. It stays n's.
func (n *Namespace) Fd() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fd
}

// Ask begins to learn the cookie, while the caller does something else.
func (n *Namespace) Ask(ctx context.Context) {
	done := make(chan struct{})
	n.mu.Lock()
	n.asked = done
	n.mu.Unlock()
	go func() {
		defer close(done)
		_, _ = n.learn(ctx) // who wants it will ask again, and be told
	}()
}

// Cookie returns the number that no other namespace of this boot has or will have (SO_NETNS_COOKIE, Linux 5.14).
func (n *Namespace) Cookie(ctx context.Context) (uint64, error) {
	n.mu.Lock()
	asked := n.asked
	n.mu.Unlock()
	if asked != nil {
		select {
		case <-asked:
		case <-ctx.Done():
			return 0, fmt.Errorf("namespace %s: cookie: %w", n.path, ctx.Err())
		}
	}
	n.mu.Lock()
	cookie := n.cookie
	n.mu.Unlock()
	if cookie != 0 {
		return cookie, nil
	}
	return n.learn(ctx)
}

func (n *Namespace) learn(ctx context.Context) (cookie uint64, err error) {
	var socket int
	err = n.Do(ctx, func() (err error) {
		socket, cookie, err = socketAndCookie()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("namespace %s: cookie: %w", n.path, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cookie = cookie
	if n.fd < 0 || n.route >= 0 {
		unix.Close(socket)
	} else {
		n.route = socket
	}
	return cookie, nil
}

// socketAndCookie returns a new rtnetlink socket of the calling thread's namespace and the namespace's cookie. Any
// socket tells that; this one is what a call needs next.
func socketAndCookie() (int, uint64, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return 0, 0, err
	}
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		unix.Close(fd)
		return 0, 0, err
	}
	return fd, cookie, nil
}

// TakeRoute gives away the rtnetlink socket, non-blocking and not bound, that learning the cookie took, if there is one.
// It saves the caller a visit to the namespace.
func (n *Namespace) TakeRoute() (fd int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fd, n.route = n.route, -1
	return fd, fd >= 0
}

// Close closes the descriptor and ends the namespace's thread, after the function that runs there if there is one.
// Closing twice, or nil, does nothing.
func (n *Namespace) Close() error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fd < 0 {
		return nil
	}
	if n.inside != nil {
		n.inside.stop()
	}
	if n.route >= 0 {
		unix.Close(n.route)
	}
	fd := n.fd
	n.fd, n.inside, n.route = -1, nil, -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("namespace %s: close: %w", n.path, err)
	}
	return nil
}

func (n *Namespace) errClosed() error { return fmt.Errorf("namespace %s: %w", n.path, fs.ErrClosed) }

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		r, err := call()
		if !errors.Is(err, unix.EINTR) {
			return r, err
		}
	}
}
