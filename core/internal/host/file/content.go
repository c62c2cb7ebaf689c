package file

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// ErrTooLarge says that a file has more bytes than the caller allows.
var ErrTooLarge = errors.New("too large")

// Read returns the content of a regular file of at most limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	return read(path, ReadOnly, limit, nothingMore)
}

// ReadPrivate is Read of a file that only libcni makes: a symbolic link is ErrIrregular, and a file
// that another user can change, as CheckPrivate says it of a directory, is refused with an
// *UntrustedError.
func ReadPrivate(path string, limit int64) ([]byte, error) {
	return read(path, ReadOnly|NoFollow, limit, func(f *File) error {
		return f.info.CheckPrivate(path)
	})
}

// ReadTrusted is Read of a file that says what to run: one that every user can write is refused
// with an *UntrustedError.
func ReadTrusted(path string, limit int64) ([]byte, error) {
	return read(path, ReadOnly, limit, (*File).refuseEveryone)
}

func nothingMore(*File) error { return nil }

func read(path string, flags int, limit int64, check func(*File) error) ([]byte, error) {
	f, err := Open(path, flags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	if err := check(f); err != nil {
		return nil, err
	}

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

// ReadAllProc returns the whole of a file of /proc, which the kernel gives in pieces.
func ReadAllProc(path string) ([]byte, error) {
	f, err := OpenAny(path, ReadOnly, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	const piece = 4096 // what the kernel gives at once at least
	data := make([]byte, 0, piece)
	for {
		data = slices.Grow(data, piece)
		n, err := f.ReadOnce(data[len(data):cap(data)])
		if n == 0 || err != nil {
			return data, err
		}
		data = data[:len(data)+n]
	}
}

// Has reports whether a file has exactly this content. It is false for a symbolic link, and for one
// that cannot be read at once.
func Has(path string, data []byte) bool {
	f, err := OpenAny(path, ReadOnly|NoFollow, 0)
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
	if err := Discard(path); err != nil {
		return err
	}
	return Create(path, data, perm)
}

// Overwrite gives a file a short content in place. It does not truncate the file before: ext4 would
// allocate blocks for a truncated file as soon as it is closed. If the process is killed between
// writing and truncating, the end of the old content stays. A symbolic link is ErrIrregular.
func Overwrite(path string, data []byte, perm fs.FileMode) error {
	f, err := Open(path, WriteOnly|CreateAny|NoFollow, perm)
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

// Discard removes what has the name, whatever it is: a file, a link, or an empty directory. It
// succeeds if there is nothing.
func Discard(path string) error {
	err := Remove(path)
	if !errors.Is(err, unix.EISDIR) {
		return err
	}
	err = errno.Retry(func() error { return unix.Rmdir(path) })
	if err == unix.ENOENT {
		return nil
	}
	return pathError("rmdir", path, err)
}
