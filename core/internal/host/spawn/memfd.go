package spawn

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Memfd returns an anonymous file that holds data, positioned at its beginning and sealed, so that
// its content and size are fixed. Unlike a pipe it does not need a writer while it is read. The
// caller closes it.
func Memfd(name string, data []byte) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd %s: %w", name, err)
	}
	file := os.NewFile(uintptr(fd), name)
	if err := fillAndSeal(file, data); err != nil {
		file.Close()
		return nil, fmt.Errorf("memfd %s: %w", name, err)
	}
	return file, nil
}

func fillAndSeal(file *os.File, data []byte) error {
	// Written at an offset, so that the file position stays at the beginning.
	if _, err := file.WriteAt(data, 0); err != nil {
		return err
	}
	_, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS,
		unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return err
}
