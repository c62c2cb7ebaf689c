package volumes

import (
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// ifreqFlags is struct ifreq of netdevice(7).
type ifreqFlags struct {
	name  [16]byte
	flags uint16
	_     [22]byte
}

func (r *ifreqFlags) set(fd int) error {
	_, _, number := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(r)))
	if number != 0 {
		return number
	}
	return nil
}

// listenBacklog listens on a socket with a queue of connections as short as is asked for; nobody accepts.
func listenBacklog(t *testing.T, path string, backlog int) *os.File {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = syscall.Listen(fd, backlog)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), path)
}
