package hostlocal

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openFile is os.OpenFile without the runtime's attempt to watch the file, which never blocks.
func openFile(path string, flags int, perm fs.FileMode) (*os.File, error) {
	for {
		fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC, uint32(perm.Perm()))
		if err == nil {
			return os.NewFile(uintptr(fd), path), nil
		}
		if err != syscall.EINTR {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// writeFile is os.WriteFile, made so.
func writeFile(path string, data []byte, perm fs.FileMode) error {
	file, err := openFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}
