package rtnl

import (
	"errors"
	"fmt"
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

// errIPv6Off explains EACCES for an IPv6 address or route: the kernel has no IPv6 on the link. It
// is EAFNOSUPPORT, as the kernel reports where it has no IPv6 at all.
var errIPv6Off = fmt.Errorf("IPv6 is turned off here (sysctl net.ipv6.conf.*.disable_ipv6): %w",
	syscall.EAFNOSUPPORT)

// explain returns the kernel's refusal of an address or route with its reason. family is the first
// byte of such a message. A lack of privileges is EPERM, so that EACCES has another reason.
func explain(err error, family uint8) error {
	if family == syscall.AF_INET6 && errors.Is(err, syscall.EACCES) {
		return errIPv6Off
	}
	return err
}

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
