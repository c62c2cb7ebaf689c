// Package netns opens, enters, makes and removes network namespaces. It never moves the calling
// thread to another namespace: code that must run inside one runs on another thread.
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

	"github.com/libcni/libcni/core/internal/host/errno"
	"github.com/libcni/libcni/core/internal/host/netlink"
	"github.com/libcni/libcni/core/internal/host/thread"
)

// Errors of Open and Delete, for errors.Is. If a path does not exist, the error is fs.ErrNotExist;
// without the privileges it is fs.ErrPermission.
var (
	ErrNotNamespace = errors.New("not a network namespace")
	ErrOwn          = errors.New("the caller's own network namespace")
	ErrRelative     = errors.New("not an absolute path")
	ErrNoProc       = errors.New("/proc is not mounted")
)

// HasProc reports whether the calling thread sees /proc, without which no path can be opened as a
// namespace.
func HasProc() bool { return errno.HasProc() }

// ownPath is the namespace of the calling thread, which may differ from that of the process's first
// thread.
const ownPath = "/proc/thread-self/ns/net"

// Namespace is an open network namespace. It does not depend on the path once it is open, and keeps
// the namespace alive until Close. Safe for concurrent use.
type Namespace struct {
	path  string
	pool  *thread.Pool // may be nil
	inode uint64

	mu       sync.Mutex // guards what follows
	fd       int        // -1 once closed and not held any more
	holds    int        // of visits under way
	closed   bool
	prefetch *visit          // opens the socket and asks for the cookie; nil if not begun
	cookie   uint64          // 0 until known; the kernel assigns no 0
	socket   *netlink.Socket // an rtnetlink socket inside, until it is taken
}

// Open opens the network namespace at path, as the calling thread sees that path. The caller closes
// it. The error is ErrOwn for the namespace of the calling thread, and ErrNotNamespace for anything
// that is not a network namespace. Do takes its threads from the pool; if that is nil, each Do
// makes one.
//
// A relative path is refused, because the state on disk keeps the path, and a later reader would
// resolve it differently.
func Open(path string, pool *thread.Pool) (*Namespace, error) {
	fd, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", path, err)
	}
	inode, own, err := examine(fd)
	if err == nil && own {
		err = ErrOwn
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("namespace %s: %w", path, err)
	}
	return &Namespace{path: path, pool: pool, fd: fd, inode: inode,
		cookie: identifier(fd)}, nil
}

// open returns a descriptor of the network namespace at path.
func open(path string) (int, error) {
	if !filepath.IsAbs(path) {
		return -1, ErrRelative
	}
	fd, err := openFile(path)
	if err != nil {
		return -1, openError(path, err)
	}
	if err := mustBeNetwork(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openFile opens any file and does not wait for the writer of a FIFO.
func openFile(path string) (fd int, err error) {
	err = errno.Retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		return err
	})
	return fd, err
}

// openError returns ErrNotNamespace for what cannot even be opened because of its type: a socket, a
// device without driver.
func openError(path string, err error) error {
	if errno.LacksProc(&fs.PathError{Op: "open", Path: path, Err: err}) {
		return ErrNoProc
	}
	if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("%w: %w", ErrNotNamespace, err)
	}
	return err
}

// mustBeNetwork checks the file system first: on other files the ioctl's number has other meanings.
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

// examine returns the inode of a namespace, and whether it is that of the calling thread.
func examine(fd int) (inode uint64, own bool, err error) {
	var there, here unix.Stat_t
	if err := unix.Fstat(fd, &there); err != nil {
		return 0, false, err
	}
	if err := unix.Stat(ownPath, &here); err != nil {
		if !HasProc() {
			return 0, false, ErrNoProc
		}
		return 0, false, fmt.Errorf("%s: %w", ownPath, err)
	}
	return there.Ino, there.Dev == here.Dev && there.Ino == here.Ino, nil
}

// Path returns the path given to Open.
func (n *Namespace) Path() string { return n.path }

// Fd returns the descriptor, for IFLA_NET_NS_FD and the like; -1 once closed. The descriptor stays
// n's.
func (n *Namespace) Fd() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return -1
	}
	return n.fd
}

// identifier returns the cookie of an open namespace, or 0 before Linux 6.18.
func identifier(fd int) uint64 {
	const nsGetID = 0x8008b70d // NS_GET_ID of linux/nsfs.h
	var id uint64
	if _, _, err := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), nsGetID,
		uintptr(unsafe.Pointer(&id))); err != 0 {
		return 0
	}
	return id
}

// PrefetchCookie begins to determine the cookie in the background, if a thread must enter the
// namespace for it.
func (n *Namespace) PrefetchCookie() {
	if n.knownCookie() == 0 {
		n.PrefetchSocket()
	}
}

// knownCookie returns the cookie, 0 if it is not known yet.
func (n *Namespace) knownCookie() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cookie
}

// PrefetchSocket begins to open the socket that TakeSocket returns, and to determine the cookie, in
// the background.
// Cookie and TakeSocket report the error
func (n *Namespace) PrefetchSocket() { _, _ = n.beginPrefetch() }

func (n *Namespace) beginPrefetch() (*visit, error) {
	n.mu.Lock()
	begun := n.prefetch
	n.mu.Unlock()
	if begun != nil {
		return begun, nil
	}

	v, err := n.visit(n.openSocket)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.prefetch = v
	return v, nil
}

// Cookie returns the number that no other namespace of this boot has or will have (NS_GET_ID, Linux
// 6.18; SO_NETNS_COOKIE, Linux 5.14).
func (n *Namespace) Cookie(ctx context.Context) (uint64, error) {
	if cookie := n.knownCookie(); cookie != 0 {
		return cookie, nil
	}

	v, err := n.beginPrefetch()
	if err == nil {
		err = v.done.Wait(ctx)
	}
	if err == nil {
		err = v.err
	}
	if err != nil {
		return 0, fmt.Errorf("namespace %s: cookie: %w", n.path, err)
	}
	return n.knownCookie(), nil
}

// openSocket runs inside. Any socket reports the cookie; the call needs an rtnetlink socket next.
func (n *Namespace) openSocket() error {
	socket, err := netlink.Open(unix.NETLINK_ROUTE, 0)
	if err != nil {
		return err
	}
	cookie, err := socket.NamespaceCookie()
	if err != nil {
		socket.Close()
		return err
	}

	n.mu.Lock()
	defer n.mu.Unlock()
	n.cookie = cookie
	if n.closed || n.socket != nil {
		socket.Close()
	} else {
		n.socket = socket
	}
	return nil
}

// TakeSocket returns the rtnetlink socket inside that PrefetchSocket or Cookie has opened, or nil.
// The caller closes it. It saves the caller a visit to the namespace.
func (n *Namespace) TakeSocket(ctx context.Context) *netlink.Socket {
	n.mu.Lock()
	begun := n.prefetch
	n.mu.Unlock()
	if begun == nil || begun.done.Wait(ctx) != nil {
		return nil
	}

	n.mu.Lock()
	defer n.mu.Unlock()
	socket := n.socket
	n.socket = nil
	return socket
}

// Close releases the namespace. The descriptor is closed when no function runs inside any more.
// Closing twice, or nil, does nothing.
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
	if n.socket != nil {
		n.socket.Close()
		n.socket = nil
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

func (n *Namespace) errClosed() error {
	return fmt.Errorf("namespace %s: %w", n.path, fs.ErrClosed)
}
