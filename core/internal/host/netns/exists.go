package netns

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// Numbers of linux/nsfs.h and linux/fcntl.h that x/sys/unix lacks.
const (
	nsfsRoot       = -10003 // FD_NSFS_ROOT
	nsfsHandleType = 0xf1   // FILEID_NSFS
	nsfsHandleSize = 16     // struct nsfs_file_handle: ns_id, ns_type, ns_inum
)

// Inode returns the number of the namespace's inode, which a later namespace may get again.
func (n *Namespace) Inode() uint64 { return n.inode }

func inode(fd int) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return stat.Ino, err
}

// Exists reports whether the namespace with a cookie and inode exists. It asks the kernel for the
// namespace itself, so that the answer depends neither on a path nor on the caller's PID namespace
// and mounts. known is false if the kernel does not answer: before Linux 6.18, or without
// CAP_SYS_ADMIN; and if the inode is 0. That a namespace is not found is known only if the caller
// would be shown each one.
func Exists(cookie, inode uint64) (exists, known bool) {
	if inode == 0 {
		return false, false
	}
	switch reopen(cookie, inode) {
	case nil:
		return true, true
	case unix.ESTALE:
		return false, seesAll() && findsOwn() // a kernel that finds none at all proves nothing
	default:
		return false, false
	}
}

// reopen opens a namespace by its handle and closes it again.
func reopen(cookie, inode uint64) error {
	handle := make([]byte, nsfsHandleSize)
	binary.NativeEndian.PutUint64(handle, cookie)
	binary.NativeEndian.PutUint32(handle[8:], unix.CLONE_NEWNET)
	binary.NativeEndian.PutUint32(handle[12:], uint32(inode))
	fd, err := unix.OpenByHandleAt(nsfsRoot, unix.NewFileHandle(nsfsHandleType, handle),
		unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// The links of the namespaces that a machine starts with (linux/nsfs.h).
const (
	initialPIDs  = "pid:[4026531836]"
	initialUsers = "user:[4026531837]"
)

// seesAll reports whether the kernel shows each namespace to the calling thread. To a thread
// without CAP_SYS_ADMIN in the user namespace that owns a namespace, it seems not to exist. A later
// kernel may hide it from other PID namespaces, too: then the interface pair must tell.
func seesAll() bool {
	pids, pidErr := os.Readlink("/proc/thread-self/ns/pid")
	users, userErr := os.Readlink("/proc/thread-self/ns/user")
	return pidErr == nil && userErr == nil && pids == initialPIDs && users == initialUsers &&
		errno.HasCapability(unix.CAP_SYS_ADMIN)
}

// findsOwn reports whether the kernel finds the calling thread's namespace by its handle.
func findsOwn() bool {
	fd, err := openFile(ownPath)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	own, err := inode(fd)
	return err == nil && reopen(identifier(fd), own) == nil
}
