package spawn

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Input returns a file from which a process can read data. It is an anonymous file, sealed so that
// its content and size are fixed. Where that is denied, for example by a seccomp filter, it is a
// pipe that holds all the data. Neither needs a writer while it is read. The caller closes it.
func Input(name string, data []byte) (*os.File, error) {
	file, err := memfd(name, data)
	if err == nil || !isDenied(err) {
		return file, err
	}
	file, pipeErr := filledPipe(data)
	if pipeErr != nil {
		return nil, errors.Join(err, pipeErr)
	}
	return file, nil
}

// isDenied reports whether a system call is forbidden or does not exist.
func isDenied(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSYS)
}

func memfd(name string, data []byte) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create %s: %w", name, err)
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

// filledPipe returns the reading end of a pipe that is made large enough for the data.
func filledPipe(data []byte) (*os.File, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	defer unix.Close(fds[1])
	if err := fill(fds[1], data); err != nil {
		unix.Close(fds[0])
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), nil
}

// fill writes the data into a pipe without waiting for a reader.
func fill(fd int, data []byte) error {
	capacity, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	if err == nil && capacity < len(data) {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, len(data))
	}
	if err != nil {
		return fmt.Errorf("pipe for %d bytes: %w", len(data), err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write to pipe: %w", err)
		}
		data = data[n:]
	}
	return nil
}
