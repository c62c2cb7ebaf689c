// Package rename moves a file to a name that nobody has, which the kernel tells and does in one.
package rename

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrUnsupported says that the file system cannot do it.
var ErrUnsupported = errors.New("the file system cannot rename without replacing")

// New renames a file unless there is one of the new name: then the error wraps fs.ErrExist. ErrUnsupported on file
// systems, and kernels, that cannot.
func New(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return ErrUnsupported
	case errors.Is(err, unix.EEXIST):
		err = fs.ErrExist
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
