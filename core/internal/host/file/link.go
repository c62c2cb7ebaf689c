package file

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// MakeLink makes a symbolic link with any text as its target. The kernel makes it with its text in
// one step, so that there is never half of it. The error wraps fs.ErrExist if there is anything of
// the name.
func MakeLink(path, text string) error {
	return pathError("symlink", path, errno.Retry(func() error { return unix.Symlink(text, path) }))
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
