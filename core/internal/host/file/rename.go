package file

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// ErrUnsupported says that the file system or the kernel cannot rename without replacing.
var ErrUnsupported = errors.New("the file system cannot rename without replacing")

// Rename renames a file and replaces one of the new name. The kernel itself refuses to replace a
// directory.
func Rename(from, to string) error {
	return linkError(from, to, errno.Retry(func() error { return unix.Rename(from, to) }))
}

// RenameNew renames a file unless the new name is taken: then the error wraps fs.ErrExist. The
// kernel checks and renames in one step. The error is ErrUnsupported where it cannot.
func RenameNew(from, to string) error {
	err := errno.Retry(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
	switch err {
	case unix.EINVAL, unix.ENOSYS:
		return ErrUnsupported
	case unix.EEXIST:
		err = fs.ErrExist
	}
	return linkError(from, to, err)
}

func linkError(from, to string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
