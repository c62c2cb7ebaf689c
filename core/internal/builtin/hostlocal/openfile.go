package hostlocal

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// file is a descriptor of a file that never blocks. It goes past package os, which asks the kernel about each file once
// more and has the runtime watch it.
type file int

// noFile is none.
const noFile file = -1

func openFile(path string, flags int, perm fs.FileMode) (f file, err error) {
	f = noFile
	err = retry(func() error {
		fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC, uint32(perm.Perm()))
		f = file(fd)
		return err
	})
	if err != nil {
		return noFile, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f, nil
}

// retry repeats a call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

func (f file) ReadAt(p []byte, off int64) (int, error) {
	return through(p, func(rest []byte, done int64) (int, error) { return syscall.Pread(int(f), rest, off+done) })
}

func (f file) WriteAt(p []byte, off int64) (int, error) {
	return through(p, func(rest []byte, done int64) (int, error) { return syscall.Pwrite(int(f), rest, off+done) })
}

func (f file) Write(p []byte) (int, error) {
	return through(p, func(rest []byte, _ int64) (int, error) { return syscall.Write(int(f), rest) })
}

func (f file) Close() error { return syscall.Close(int(f)) }

func (f file) size() (int64, error) {
	var stat syscall.Stat_t
	err := retry(func() error { return syscall.Fstat(int(f), &stat) })
	return stat.Size, err
}

// through calls step until all of p is done.
func through(p []byte, step func(rest []byte, done int64) (int, error)) (done int, err error) {
	for done < len(p) {
		var n int
		err := retry(func() (err error) {
			n, err = step(p[done:], int64(done))
			return err
		})
		if err != nil {
			return done, err
		}
		if n <= 0 {
			return done, io.ErrUnexpectedEOF
		}
		done += n
	}
	return done, nil
}

// overwrite gives a file a short content. It is not cut off before it is written: for a file that was, ext4 looks for
// blocks on the disk as soon as it is closed. Whoever is killed between the two leaves the end of the old content.
func overwrite(path string, data []byte, perm fs.FileMode) error {
	f, err := openFile(path, syscall.O_WRONLY|syscall.O_CREAT, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.cut(int64(len(data)))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// cut makes a file no longer than size.
func (f file) cut(size int64) error {
	is, err := f.size()
	if err != nil || is <= size {
		return err
	}
	return retry(func() error { return syscall.Ftruncate(int(f), size) })
}
