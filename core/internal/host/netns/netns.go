// Package netns opens, enters, makes and removes network namespaces. It never moves the thread it is called on to
// another namespace: what must run inside one runs on another thread.
package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/thread"
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
	path string
	pool *thread.Pool // may be nil

	mu     sync.Mutex // guards what follows
	fd     int        // -1 once closed and not held any more
	holds  int        // of visits under way
	closed bool
	asked  *visit // that opens route, and learns the cookie; nil if nobody asked
	cookie uint64 // 0 until known; the kernel gives out no 0
	route  int    // an rtnetlink socket inside, until it is taken; -1 if there is none
}

// Open opens the network namespace at path, as the calling thread sees that path. The caller closes it. The namespace
// the calling thread is in is refused with ErrOwn, anything that is no network namespace with ErrNotNamespace. Do finds
// its threads in the pool; nil makes one for each.
//
// A relative path is refused: it is kept in the state on disk, where it would mean something else to the next reader.
func Open(path string, pool *thread.Pool) (*Namespace, error) {
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
	return &Namespace{path: path, pool: pool, fd: fd, cookie: identifier(fd), route: -1}, nil
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
	if n.closed {
		return -1
	}
	return n.fd
}

// identifier returns the cookie of the namespace that is open, as Linux 6.18 and newer tell it, or 0.
func identifier(fd int) uint64 {
	const nsGetID = 0x8008b70d // NS_GET_ID of linux/nsfs.h
	var id uint64
	if _, _, err := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), nsGetID, uintptr(unsafe.Pointer(&id))); err != 0 {
		return 0
	}
	return id
}

// PrefetchCookie has Cookie answer soon, if a thread has to go there to learn it, while the caller does something else.
func (n *Namespace) PrefetchCookie() {
	if n.known() == 0 {
		n.PrefetchSocket()
	}
}

// known returns the cookie, 0 if it has not been told yet.
func (n *Namespace) known() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cookie
}

// PrefetchSocket has Cookie and TakeSocket answer soon, while the caller does something else.
func (n *Namespace) PrefetchSocket() { _, _ = n.ask() } // who wants it will be told what is wrong

func (n *Namespace) ask() (*visit, error) {
	n.mu.Lock()
	asked := n.asked
	n.mu.Unlock()
	if asked != nil {
		return asked, nil
	}
	v, err := n.visit(n.learn)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = v
	return v, nil
}

// Cookie returns the number that no other namespace of this boot has or will have (NS_GET_ID; SO_NETNS_COOKIE, Linux
// 5.14).
func (n *Namespace) Cookie(ctx context.Context) (uint64, error) {
	if cookie := n.known(); cookie != 0 {
		return cookie, nil
	}
	v, err := n.ask()
	if err == nil {
		err = v.done.Wait(ctx)
	}
	if err == nil {
		err = v.err
	}
	if err != nil {
		return 0, fmt.Errorf("namespace %s: cookie: %w", n.path, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cookie, nil
}

// learn runs inside.
func (n *Namespace) learn() error {
	socket, cookie, err := socketAndCookie()
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cookie = cookie
	if n.closed || n.route >= 0 {
		unix.Close(socket)
	} else {
		n.route = socket
	}
	return nil
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

// TakeSocket gives away an rtnetlink socket that is inside, non-blocking and not bound, if one was asked for or told the
// cookie. It saves the caller a visit to the namespace.
func (n *Namespace) TakeSocket(ctx context.Context) (fd int, ok bool) {
	n.mu.Lock()
	asked := n.asked
	n.mu.Unlock()
	if asked == nil || asked.done.Wait(ctx) != nil {
		return -1, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	fd, n.route = n.route, -1
	return fd, fd >= 0
}

// Close lets go of the namespace. The descriptor is closed when no function runs inside any more. Closing twice, or nil,
// does nothing.
func (n *Namespace) Close() error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	n.closed = true
	if n.route >= 0 {
		unix.Close(n.route)
		n.route = -1
	}
	return n.closeUnused()
}

// hold returns the descriptor, which stays open until release.
func (n *Namespace) hold() (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return -1, n.errClosed()
	}
	n.holds++
	return n.fd, nil
}

func (n *Namespace) release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.holds--
	_ = n.closeUnused() // of a descriptor that was only read from
}

func (n *Namespace) closeUnused() error {
	if !n.closed || n.holds > 0 || n.fd < 0 {
		return nil
	}
	fd := n.fd
	n.fd = -1
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
