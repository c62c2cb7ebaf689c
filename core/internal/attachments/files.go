package attachments

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/libcni/libcni/core/internal/fault"
)

// maxFileSize is more than any entry has: a request has at most 16 MiB, an answer of a plugin 8 MiB.
const maxFileSize = 64 << 20

// unusableError says that a file is no entry, whatever it is. It counts as none.
type unusableError struct {
	path   string
	reason string
}

func (e *unusableError) Error() string {
	return fmt.Sprintf("%s is no attachment and is left out: %s", e.path, e.reason)
}

func unusable(path, format string, args ...any) error {
	return &unusableError{path: path, reason: fmt.Sprintf(format, args...)}
}

func isUnusable(err error) bool {
	var u *unusableError
	return errors.As(err, &u)
}

// load reads the entry in a file. The error wraps fs.ErrNotExist, is an *unusableError, or of kind state.
func load(path, option string) (*Entry, error) {
	data, err := loadText(path, option)
	if err != nil {
		return nil, err
	}
	e, err := decode(data)
	if err != nil {
		return nil, unusable(path, "%v", err)
	}
	return e, nil
}

// loadKey reads whose a cache file says it is, and no more. Its errors are those of load.
func loadKey(path string) (Key, error) {
	data, err := loadText(path, cacheOption)
	if err != nil {
		return Key{}, err
	}
	key, err := decodeKey(data)
	if err != nil {
		return Key{}, unusable(path, "%v", err)
	}
	return key, nil
}

func loadText(path, option string) ([]byte, error) {
	data, err := read(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) || isUnusable(err) {
		return data, err
	}
	return nil, stateError(err, "read the state", option)
}

// read does not hang on a FIFO, nor fill the memory. It goes past package os, which would have the runtime watch a file
// that never blocks; so does write.
func read(path string) ([]byte, error) {
	fd, err := open(path, syscall.O_RDONLY|syscall.O_NONBLOCK)
	if errors.Is(err, syscall.ENXIO) {
		return nil, unusable(path, "not a file")
	}
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil {
		return nil, &fs.PathError{Op: "fstat", Path: path, Err: err}
	}
	if info.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, unusable(path, "not a file")
	}
	if info.Size > maxFileSize {
		return nil, unusable(path, "%d bytes", info.Size)
	}
	data := make([]byte, info.Size)
	n, err := all(path, "read", data, func(rest []byte) (int, error) { return syscall.Read(fd, rest) })
	return data[:n], err // may be shorter: Go's libcni truncates and writes in place
}

func open(path string, flags int) (int, error) {
	for {
		fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC, 0o600)
		if err == nil {
			return fd, nil
		}
		if err != syscall.EINTR {
			return -1, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// all calls step until all of data is done, or nothing more is.
func all(path, op string, data []byte, step func([]byte) (int, error)) (done int, err error) {
	for done < len(data) {
		n, err := step(data[done:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return done, &fs.PathError{Op: op, Path: path, Err: err}
		}
		if n <= 0 {
			break
		}
		done += n
	}
	return done, nil
}

// replace writes a file under a temporary name and has it moved to its own. On failure the file is what it was, and
// nothing is left.
func replace(path, temporary string, data []byte, move func(from, to string) error) error {
	err := inDirectory(temporary, func() error { return write(temporary, data, syscall.O_TRUNC) })
	if err == nil {
		err = inDirectory(path, func() error { return move(temporary, path) })
	}
	if err != nil {
		_ = syscall.Unlink(temporary)
	}
	return err
}

// create writes a file that is not there. The error wraps fs.ErrExist if it is; on another failure nothing is left.
func create(path string, data []byte) error {
	err := inDirectory(path, func() error { return write(path, data, syscall.O_EXCL) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		_ = syscall.Unlink(path)
	}
	return err
}

func write(path string, data []byte, how int) error {
	fd, err := open(path, syscall.O_WRONLY|syscall.O_CREAT|how)
	if err != nil {
		return err
	}
	_, err = all(path, "write", data, func(rest []byte) (int, error) { return syscall.Write(fd, rest) })
	if e := syscall.Close(fd); e != nil && err == nil {
		err = &fs.PathError{Op: "close", Path: path, Err: e}
	}
	return err
}

// inDirectory makes the directory of path only when it is found missing, which is once.
func inDirectory(path string, do func() error) error {
	err := do()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return do()
}

// holds reports whether a file has exactly this content. It is false as well for one that cannot be read at once.
func holds(path string, data []byte) bool {
	fd, err := open(path, syscall.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	is := make([]byte, len(data)+1)
	n, err := syscall.Read(fd, is)
	return err == nil && bytes.Equal(is[:n], data)
}

// over goes past package os, which first looks for a directory at the new path; the kernel refuses that by itself.
func over(from, to string) error {
	if err := syscall.Rename(from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// remove succeeds when there is nothing. It goes past package os, which would try a file that is absent as a directory.
func remove(path string) error {
	if err := syscall.Unlink(path); err != nil && err != syscall.ENOENT {
		return &fs.PathError{Op: "unlink", Path: path, Err: err}
	}
	return nil
}

// names lists a directory. One that does not exist is empty.
func names(dir, option string) ([]string, error) {
	file, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, stateError(err, "list the state", option)
	}
	defer file.Close()
	found, err := file.Readdirnames(-1)
	if err != nil {
		return nil, stateError(err, "list the state", option)
	}
	return found, nil
}

// stateError makes an error of kind state that says what the user can do. option is the request's key for the
// directory, cacheDir or stateDir.
func stateError(err error, doing, option string) error {
	advice := fmt.Sprintf("options.%s must be a directory that can be read and written", option)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		advice = fmt.Sprintf("no space is left in options.%s", option)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		advice = "too many files are open"
	}
	return fault.New(fault.KindState, err, "%s: %s", doing, advice)
}
