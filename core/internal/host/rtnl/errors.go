package rtnl

import (
	"errors"
	"syscall"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Errors to test for with errors.Is.
var (
	// the link, address or route is not there
	ErrNotFound = errors.New("not found")
	// a link of that name, an address, a route
	ErrExists      = errors.New("exists already")
	ErrBridgeFull  = errors.New("the bridge has 1,023 ports") // the kernel's limit
	ErrUnsupported = errors.New("not supported by the kernel")
)

// Error is the kernel's refusal of a request. It matches the errors above and its error number.
type Error netlink.Error

func (e *Error) Error() string { return (*netlink.Error)(e).Error() }
func (e *Error) Unwrap() error { return e.Errno }

// Is matches the errors of this package.
func (e *Error) Is(target error) bool {
	switch e.Errno {
	case syscall.ENODEV, syscall.ENOENT, syscall.ESRCH, syscall.EADDRNOTAVAIL:
		return target == ErrNotFound
	case syscall.EEXIST:
		return target == ErrExists
	case syscall.EXFULL:
		return target == ErrBridgeFull
	case syscall.EOPNOTSUPP:
		return target == ErrUnsupported
	default:
		return false
	}
}
