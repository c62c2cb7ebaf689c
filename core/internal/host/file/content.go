package file

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// ErrTooLarge says that a file has more bytes than the caller allows.
var ErrTooLarge = errors.New("too large")

// Read returns the content of a regular file of at most limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	f, err := Open(path, ReadOnly, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	if size := f.info.Size; size > limit {
		return nil, f.failed("read", fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, size,
			limit))
	}
	data := make([]byte, f.info.Size)
	n, err := f.readAll(data)
	return data[:n], err // it may have become shorter
}

// ReadProc returns the beginning of a file of /proc, whose size is not known before.
func ReadProc(path string, limit int) ([]byte, error) {
	f, err := OpenAny(path, ReadOnly, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	data := make([]byte, limit)
	n, err := f.ReadOnce(data)
	return data[:n], err
}

// Has reports whether a file has exactly this content. It is false for one that cannot be read at
// once.
func Has(path string, data []byte) bool {
	f, err := OpenAny(path, ReadOnly, 0)
	if err != nil {
		return false
	}
	defer f.Close()

	content := make([]byte, len(data)+1)
	n, err := f.ReadOnce(content)
	return err == nil && bytes.Equal(content[:n], data)
}

// Create writes a file that does not exist. The error wraps fs.ErrExist if it does. On another
// failure nothing is left.
func Create(path string, data []byte, perm fs.FileMode) error {
	f, err := Open(path, WriteOnly|CreateNew, perm)
	if err != nil {
		return err
	}

	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = Remove(path)
	}
	return err
}

// Renew writes a file and replaces what has the name, whatever it is. It is for temporary files,
// which one process writes at a time.
func Renew(path string, data []byte, perm fs.FileMode) error {
	err := Create(path, data, perm)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := Remove(path); err != nil {
		return err
	}
	return Create(path, data, perm)
}

// Overwrite gives a file a short content in place. It does not truncate the file before: ext4 would
// allocate blocks for a truncated file as soon as it is closed. If the process is killed between
// writing and truncating, the end of the old content stays.
func Overwrite(path string, data []byte, perm fs.FileMode) error {
	f, err := Open(path, WriteOnly|CreateAny, perm)
	if err != nil {
		return err
	}

	_, err = f.Write(data)
	if err == nil && f.info.Size > int64(len(data)) {
		err = f.truncate(int64(len(data)))
	}
	return errors.Join(err, f.Close())
}

// Remove removes a file. It succeeds if the file does not exist.
func Remove(path string) error {
	err := errno.Retry(func() error { return unix.Unlink(path) })
	if err == unix.ENOENT {
		return nil
	}
	return pathError("unlink", path, err)
}
