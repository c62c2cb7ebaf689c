package file

import (
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// Info describes a file.
type Info struct {
	Device, Inode     uint64
	Links             uint64 // 0 if the file has no name any more
	Size              int64
	Modified, Changed time.Time // of the content; of the inode (cannot be set)

	mode        uint32
	user, group uint32 // the owner's
}

func (i Info) regular() bool { return i.mode&unix.S_IFMT == unix.S_IFREG }

// IsDirectory reports whether it is a directory.
func (i Info) IsDirectory() bool { return i.mode&unix.S_IFMT == unix.S_IFDIR }

// Stat looks at a file, or at what a symbolic link leads to.
func Stat(path string) (Info, error) {
	var s unix.Stat_t
	if err := errno.Retry(func() error { return unix.Stat(path, &s) }); err != nil {
		return Info{}, pathError("stat", path, err)
	}
	return newInfo(&s), nil
}

func (f *File) stat() (Info, error) {
	var s unix.Stat_t
	if err := errno.Retry(func() error { return unix.Fstat(f.fd, &s) }); err != nil {
		return Info{}, f.failed("fstat", err)
	}
	return newInfo(&s), nil
}

// Look looks at the open file once more. Anything but a regular file is ErrIrregular.
func (f *File) Look() (Info, error) {
	info, err := f.stat()
	if err == nil && !info.regular() {
		err = f.failed("open", ErrIrregular)
	}
	return info, err
}

// IsSame reports whether both describe the same file.
func (i Info) IsSame(other Info) bool { return i.Device == other.Device && i.Inode == other.Inode }

// IsUnchanged reports whether it is the same file, and nothing of its inode changed since then: for
// a directory, no name in it either.
func (i Info) IsUnchanged(then Info) bool {
	return i.IsSame(then) && i.Changed.Equal(then.Changed) && i.mode == then.mode &&
		i.user == then.user && i.group == then.group
}

func newInfo(s *unix.Stat_t) Info {
	return Info{Device: uint64(s.Dev), Inode: s.Ino, Links: uint64(s.Nlink), Size: s.Size,
		mode: s.Mode, user: s.Uid, group: s.Gid,
		Modified: time.Unix(s.Mtim.Unix()), Changed: time.Unix(s.Ctim.Unix())}
}

// SetModified sets the time of the last modification, and leaves the time of access.
func SetModified(path string, to time.Time) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(to.UnixNano())}
	err := errno.Retry(func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, path, times, 0) })
	return pathError("utimensat", path, err)
}

// FileSystem returns the type of the file system of a file, as in statfs(2).
func FileSystem(path string) (int64, error) {
	var s unix.Statfs_t
	if err := errno.Retry(func() error { return unix.Statfs(path, &s) }); err != nil {
		return 0, pathError("statfs", path, err)
	}
	return int64(s.Type), nil
}

// SetAttribute sets an extended attribute. Not all file systems have them.
func SetAttribute(path, name string, value []byte) error {
	return pathError("setxattr", path, errno.Retry(func() error {
		return unix.Setxattr(path, name, value, 0)
	}))
}

// Attribute returns an extended attribute of at most limit bytes. The error wraps fs.ErrNotExist,
// or is another one where the file system has no attributes.
func Attribute(path, name string, limit int) ([]byte, error) {
	value := make([]byte, limit)
	var n int
	err := errno.Retry(func() (err error) {
		n, err = unix.Getxattr(path, name, value)
		return err
	})
	if err == unix.ENODATA {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, pathError("getxattr", path, err)
	}
	return value[:n], nil
}
