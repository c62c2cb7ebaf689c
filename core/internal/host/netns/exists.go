package netns

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Numbers of linux/nsfs.h and linux/fcntl.h that x/sys/unix lacks.
const (
	nsfsRoot       = -10003 // FD_NSFS_ROOT
	nsfsHandleType = 0xf1   // FILEID_NSFS
	nsfsHandleSize = 16     // struct nsfs_file_handle: ns_id, ns_type, ns_inum
)

// Inode returns the number of the namespace's inode, which a later namespace may get again.
func (n *Namespace) Inode() (uint64, error) {
	fd, err := n.hold()
	if err != nil {
		return 0, err
	}
	defer n.release()
	return inode(fd)
}

func inode(fd int) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return stat.Ino, err
}

// Exists reports whether the namespace with a cookie and inode exists. It asks the kernel for the
// namespace itself, so that the answer depends neither on a path nor on the caller's PID namespace
// and mounts. known is false if the kernel does not answer: before Linux 6.18, or without
// CAP_SYS_ADMIN; and if the inode is 0.
func Exists(cookie, inode uint64) (exists, known bool) {
	if inode == 0 {
		return false, false
	}
	switch reopen(cookie, inode) {
	case nil:
		return true, true
	case unix.ESTALE:
		return false, findsOwn() // a kernel that finds no namespace at all proves nothing
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
