// Package file opens, reads, writes, renames and marks files by system calls of its own. Go's
// package os registers each file with the runtime's poller, looks at it once more, and waits for
// the writer of a FIFO that has the name of a state file. This package never blocks on what is not
// a regular file, and repeats a call that a signal interrupted. Errors are *fs.PathError or
// *os.LinkError.
package file

import (
	"io"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// ErrIrregular says that a directory, link, FIFO, socket or device has the name of a file.
var ErrIrregular error = errno.Lasting("not a regular file")

// Flags of Open.
const (
	ReadOnly  = unix.O_RDONLY
	WriteOnly = unix.O_WRONLY
	ReadWrite = unix.O_RDWR
	// the error wraps fs.ErrExist if there is anything of the name
	CreateNew = unix.O_CREAT | unix.O_EXCL
	CreateAny = unix.O_CREAT
	NoFollow  = unix.O_NOFOLLOW // a symbolic link is ErrIrregular
)

// File is an open file.
type File struct {
	fd   int
	path string
	info Info
}

// Open opens a regular file. The caller closes it. Anything else of that name is ErrIrregular.
func Open(path string, flags int, perm fs.FileMode) (*File, error) {
	f, err := OpenAny(path, flags, perm)
	if err != nil || flags&CreateNew == CreateNew {
		return f, err
	}

	if f.info, err = f.Look(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// OpenAny is Open that does not look at what it has opened: for files of /proc.
func OpenAny(path string, flags int, perm fs.FileMode) (*File, error) {
	const always = unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	f := &File{path: path}
	err := errno.Retry(func() (err error) {
		f.fd, err = unix.Open(path, flags|always, uint32(perm.Perm()))
		return err
	})
	switch {
	case err == unix.ENXIO, err == unix.ELOOP && flags&NoFollow != 0:
		return nil, f.failed("open", ErrIrregular)
	case err != nil:
		return nil, f.failed("open", err)
	}
	return f, nil
}

// Fd returns the descriptor, which stays f's.
func (f *File) Fd() int { return f.fd }

// Info returns what Open saw of the file.
func (f *File) Info() Info { return f.info }

// Close closes the file. Closing nil does nothing.
func (f *File) Close() error {
	if f == nil {
		return nil
	}
	return f.failed("close", unix.Close(f.fd))
}

// ReadAt reads all of p. The error wraps io.ErrUnexpectedEOF if the file ends before.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := through(p, func(rest []byte, done int64) (int, error) {
		return unix.Pread(f.fd, rest, off+done)
	})
	if err == nil && n < len(p) {
		err = io.ErrUnexpectedEOF
	}
	return n, f.failed("read", err)
}

// WriteAt writes all of p.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	n, err := through(p, func(rest []byte, done int64) (int, error) {
		return unix.Pwrite(f.fd, rest, off+done)
	})
	return n, f.failed("write", short(n, p, err))
}

// Write writes all of p.
func (f *File) Write(p []byte) (int, error) {
	n, err := through(p, func(rest []byte, _ int64) (int, error) { return unix.Write(f.fd, rest) })
	return n, f.failed("write", short(n, p, err))
}

// ReadOnce reads with one system call, which is all that a file of /proc answers.
func (f *File) ReadOnce(p []byte) (n int, err error) {
	err = errno.Retry(func() (err error) {
		n, err = unix.Read(f.fd, p)
		return err
	})
	return max(n, 0), f.failed("read", err)
}

// readAll reads up to the end of the file, or of p.
func (f *File) readAll(p []byte) (int, error) {
	n, err := through(p, func(rest []byte, _ int64) (int, error) { return unix.Read(f.fd, rest) })
	return n, f.failed("read", err)
}

// truncate cuts off what is behind size.
func (f *File) truncate(size int64) error {
	return f.failed("truncate", errno.Retry(func() error { return unix.Ftruncate(f.fd, size) }))
}

func (f *File) failed(doing string, err error) error { return pathError(doing, f.path, err) }

func pathError(doing, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: doing, Path: path, Err: err}
}

func short(n int, p []byte, err error) error {
	if err == nil && n < len(p) {
		return io.ErrShortWrite
	}
	return err
}

// through calls step until all of p is done or nothing more is.
func through(p []byte, step func(rest []byte, done int64) (int, error)) (done int, err error) {
	for done < len(p) {
		var n int
		err := errno.Retry(func() (err error) {
			n, err = step(p[done:], int64(done))
			return err
		})
		if err != nil {
			return done, err
		}
		if n <= 0 {
			break
		}
		done += n
	}
	return done, nil
}
