package faults

import (
	"strings"

	"golang.org/x/sys/unix"
)

// callNames are the system calls that are files, sockets, locks, namespaces and processes. Go's
// runtime makes others (memory, threads, waiting, its event queue), and aborts by design when one
// of those fails.
var callNames = map[uint64]string{
	unix.SYS_OPENAT: "openat", unix.SYS_OPEN: "open", unix.SYS_CLOSE: "close", unix.SYS_READ: "read",
	unix.SYS_WRITE:   "write",
	unix.SYS_PREAD64: "pread64", unix.SYS_PWRITE64: "pwrite64", unix.SYS_LSEEK: "lseek",
	unix.SYS_FSTAT:      "fstat",
	unix.SYS_NEWFSTATAT: "newfstatat", unix.SYS_STATX: "statx", unix.SYS_FACCESSAT: "faccessat",
	unix.SYS_FACCESSAT2: "faccessat2",
	unix.SYS_STATFS:     "statfs", unix.SYS_FSTATFS: "fstatfs", unix.SYS_GETDENTS64: "getdents64",
	unix.SYS_MKDIRAT:  "mkdirat",
	unix.SYS_UNLINKAT: "unlinkat", unix.SYS_UNLINK: "unlink", unix.SYS_RMDIR: "rmdir",
	unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2",
	unix.SYS_LINKAT: "linkat", unix.SYS_READLINKAT: "readlinkat", unix.SYS_FCHMOD: "fchmod",
	unix.SYS_FCHMODAT:  "fchmodat",
	unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_UTIMENSAT: "utimensat", unix.SYS_FLOCK: "flock",
	unix.SYS_FCNTL:    "fcntl",
	unix.SYS_GETXATTR: "getxattr", unix.SYS_SETXATTR: "setxattr", unix.SYS_FGETXATTR: "fgetxattr",
	unix.SYS_FSETXATTR: "fsetxattr",
	unix.SYS_SOCKET:    "socket", unix.SYS_BIND: "bind", unix.SYS_CONNECT: "connect",
	unix.SYS_SENDTO:  "sendto",
	unix.SYS_SENDMSG: "sendmsg", unix.SYS_RECVFROM: "recvfrom", unix.SYS_RECVMSG: "recvmsg",
	unix.SYS_SETSOCKOPT: "setsockopt",
	unix.SYS_GETSOCKOPT: "getsockopt", unix.SYS_GETSOCKNAME: "getsockname", unix.SYS_IOCTL: "ioctl",
	unix.SYS_SETNS:   "setns",
	unix.SYS_UNSHARE: "unshare", unix.SYS_MOUNT: "mount", unix.SYS_UMOUNT2: "umount2",
	unix.SYS_MEMFD_CREATE: "memfd_create",
	unix.SYS_PIPE2:        "pipe2", unix.SYS_CLONE: "clone", unix.SYS_CLONE3: "clone3",
	unix.SYS_VFORK:      "vfork",
	unix.SYS_PIDFD_OPEN: "pidfd_open", unix.SYS_PIDFD_SEND_SIGNAL: "pidfd_send_signal",
	unix.SYS_WAITID: "waitid", unix.SYS_WAIT4: "wait4",
	unix.SYS_POLL: "poll", unix.SYS_PPOLL: "ppoll", unix.SYS_SOCKETPAIR: "socketpair",
	unix.SYS_EXIT_GROUP: "exit_group",
}

// pathArguments says which argument is a path.
var pathArguments = map[uint64]int{
	unix.SYS_OPENAT: 1, unix.SYS_OPEN: 0, unix.SYS_NEWFSTATAT: 1, unix.SYS_STATX: 1,
	unix.SYS_FACCESSAT: 1, unix.SYS_FACCESSAT2: 1,
	unix.SYS_STATFS: 0, unix.SYS_MKDIRAT: 1, unix.SYS_UNLINKAT: 1, unix.SYS_UNLINK: 0,
	unix.SYS_RMDIR: 0, unix.SYS_RENAMEAT: 3, unix.SYS_RENAMEAT2: 3,
	unix.SYS_LINKAT: 3, unix.SYS_READLINKAT: 1, unix.SYS_FCHMODAT: 1, unix.SYS_UTIMENSAT: 1,
	unix.SYS_GETXATTR: 0,
	unix.SYS_SETXATTR: 0, unix.SYS_MOUNT: 1, unix.SYS_UMOUNT2: 0,
}

var takesDescriptor = set(
	unix.SYS_CLOSE, unix.SYS_READ, unix.SYS_WRITE, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_LSEEK,
	unix.SYS_FSTAT,
	unix.SYS_FSTATFS, unix.SYS_GETDENTS64, unix.SYS_FCHMOD, unix.SYS_FTRUNCATE, unix.SYS_FLOCK,
	unix.SYS_FCNTL,
	unix.SYS_FGETXATTR, unix.SYS_FSETXATTR, unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_SENDTO,
	unix.SYS_SENDMSG,
	unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKOPT,
	unix.SYS_GETSOCKNAME, unix.SYS_IOCTL,
	unix.SYS_SETNS,
)

func set(numbers ...uint64) map[uint64]bool {
	s := map[uint64]bool{}
	for _, n := range numbers {
		s[n] = true
	}
	return s
}

// ofRuntime says that a call is Go's runtime's own: threads, its event queue and what wakes it, its
// look at the machine.
func ofRuntime(c call) bool {
	if (c.number == unix.SYS_CLONE) && c.args[0]&unix.CLONE_THREAD != 0 {
		return true
	}
	for _, prefix := range []string{
		"anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/sys/kernel/mm/", "/sys/fs/cgroup",
		"/proc/self/cgroup", "/proc/self/mountinfo",
	} {
		if strings.HasPrefix(c.where, prefix) {
			return true
		}
	}
	return false
}

// forKill counts the calls at which a process is killed.
func forKill(c call) bool { return !ofRuntime(c) }

// forFailure counts the calls that are made to fail. Left out are: close, which does close whatever
// it says; reading the request and writing the answer; the descriptor probes of the C shim, which
// have tests of their own; ending.
func forFailure(c call) bool {
	switch c.number {
	case unix.SYS_CLOSE, unix.SYS_EXIT_GROUP, unix.SYS_CLONE3, unix.SYS_POLL, unix.SYS_PPOLL:
		return false
	case unix.SYS_FCNTL:
		return c.args[1] == unix.F_OFD_SETLK || c.args[1] == unix.F_DUPFD_CLOEXEC
	}
	return !ofRuntime(c) && !(takesDescriptor[c.number] && c.args[0] <= 2)
}
