package file

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// ErrNoLink says that the file system has no symbolic links, or none with so long a text.
var ErrNoLink = errors.New("the file system cannot make such a symbolic link")

// MakeLink makes a symbolic link with any text as its target. The kernel makes it with its text in
// one step, so that there is never half of it. The error wraps fs.ErrExist if there is anything of
// the name, and is ErrNoLink where there is no such link. The latter may also be a name that the
// caller may not make, which another attempt to make something of the name tells.
func MakeLink(path, text string) error {
	err := errno.Retry(func() error { return unix.Symlink(text, path) })
	switch err {
	case unix.EPERM, unix.EOPNOTSUPP, unix.ENOSYS, unix.ENAMETOOLONG:
		return ErrNoLink
	}
	return pathError("symlink", path, err)
}

// RenewLink makes a symbolic link and replaces what has the name. It is for temporary names, which
// one process uses at a time.
func RenewLink(path, text string) error {
	err := MakeLink(path, text)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := Discard(path); err != nil {
		return err
	}
	return MakeLink(path, text)
}

// ReadLink returns the target of a symbolic link. Anything else of that name is ErrIrregular.
func ReadLink(path string) (string, error) {
	text := make([]byte, unix.PathMax)
	var n int
	err := errno.Retry(func() (err error) {
		n, err = unix.Readlink(path, text)
		return err
	})
	if err == unix.EINVAL {
		err = ErrIrregular
	}
	if err != nil {
		return "", pathError("readlink", path, err)
	}
	return string(text[:n]), nil
}
