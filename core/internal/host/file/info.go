package file

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// Info describes a file.
type Info struct {
	Device, Inode     uint64
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

// IsAt reports whether path leads to this file, and not to another one or nowhere.
func (f *File) IsAt(path string) (bool, error) {
	own, err := f.stat()
	if err != nil {
		return false, err
	}
	there, err := Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return own.Device == there.Device && own.Inode == there.Inode, err
}

func newInfo(s *unix.Stat_t) Info {
	return Info{Device: uint64(s.Dev), Inode: s.Ino, Size: s.Size, mode: s.Mode,
		user: s.Uid, group: s.Gid,
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
