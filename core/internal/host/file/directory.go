package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// MakeDirectories makes a directory and the missing ones above it.
func MakeDirectories(path string, perm fs.FileMode) error { return os.MkdirAll(path, perm) }

// InDirectory calls do, which makes a file at path. If the directory is missing, it makes the
// directory with mode 0700 and calls do again.
func InDirectory(path string, do func() error) error {
	err := do()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := MakeDirectories(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return do()
}

// Directory returns the entries of a directory, sorted by name.
func Directory(path string) ([]fs.DirEntry, error) {
	dir, err := openDirectory(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()

	entries, err := dir.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// Names calls visit with the names in a directory, some hundreds at a time, until visit returns an
// error.
func Names(path string, visit func(names []string) error) error {
	dir, err := openDirectory(path)
	if err != nil {
		return err
	}
	defer dir.Close()

	const batch = 256
	for {
		names, err := dir.Readdirnames(batch)
		if len(names) > 0 {
			if err := visit(names); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// openDirectory refuses what is not a directory: to open a FIFO would wait for its writer.
func openDirectory(path string) (*os.File, error) {
	var fd int
	err := errno.Retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, pathError("open", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
