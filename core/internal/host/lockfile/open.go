package lockfile

import (
	"context"
	"errors"
	"io/fs"

	"github.com/libcni/libcni/core/internal/host/file"
)

// open opens the file at path, and makes it and its directories if they are missing; made says that
// it was. It follows no link. What is opened may be a FIFO or a device, which isReplaced refuses.
func open(path string, perm fs.FileMode) (f *file.File, made bool, err error) {
	for {
		f, err = file.OpenAny(path, file.ReadWrite|file.NoFollow, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, false, err
		}
		err = file.InDirectory(path, func() (err error) {
			f, err = file.OpenAny(path, file.ReadWrite|file.CreateNew, perm)
			return err
		})
		if !errors.Is(err, fs.ErrExist) {
			return f, err == nil, err
		}
	}
}

// awaitPredecessor waits while a process holds locks on a file that had the name before and was
// removed. The caller has just made the file and holds all of it, so that others wait, too.
func awaitPredecessor(ctx context.Context, f *file.File, path, kind string) error {
	own, err := f.Look()
	if err != nil {
		return explain(err, "lock", path)
	}
	var holders []holder
	any := locked{kind: kind, at: -1}
	_, err = wait(ctx, func() error {
		holders = any.holdersBeside(f, own.Inode)
		if len(holders) > 0 {
			return errWait
		}
		return nil
	})
	if err != nil {
		_ = file.Remove(path) // whoever makes it again must wait, too; waiters see that it is gone
		return &BusyError{path: path, ended: err, search: func() []holder { return holders }}
	}
	return nil
}

// isReplaced reports whether path no longer leads to the open file, whose lock was taken: somebody
// removed the file, and the lock of another file of that name counts now. It looks at the path only
// if the file has lost its name or the lock was waited for: one look at the file costs less than
// two. It refuses what is not a regular file.
func isReplaced(f *file.File, path string, waited bool) (bool, error) {
	info, err := f.Look()
	if err != nil {
		return false, &FileError{err}
	}
	if info.Links > 0 && !waited {
		return false, nil
	}

	there, err := file.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, &FileError{err}
	}
	return !info.IsSame(there), nil
}
