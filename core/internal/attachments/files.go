package attachments

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"libcni/core/internal/fault"
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
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) || isUnusable(err) {
		return nil, err
	}
	if err != nil {
		return nil, stateError(err, "read the state", option)
	}
	e, err := decode(data)
	if err != nil {
		return nil, unusable(path, "%v", err)
	}
	return e, nil
}

// read does not hang on a FIFO, nor fill the memory.
func read(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) {
		return nil, unusable(path, "not a file")
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, unusable(path, "not a file")
	}
	if info.Size() > maxFileSize {
		return nil, unusable(path, "%d bytes", info.Size())
	}
	data := make([]byte, info.Size())
	n, err := io.ReadFull(file, data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // Go's libcni truncates and writes in place
		err = nil
	}
	return data[:n], err
}

// replace writes a file under a temporary name and renames it. On failure the file is what it was, and nothing is left.
func replace(path, temporary string, data []byte) error {
	err := inDirectory(temporary, func() error { return write(temporary, data) })
	if err == nil {
		err = inDirectory(path, func() error { return os.Rename(temporary, path) })
	}
	if err != nil {
		os.Remove(temporary)
	}
	return err
}

func write(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
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

// remove succeeds when there is nothing.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
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
	return fault.New(fault.State, err, "%s: %s", doing, advice)
}
