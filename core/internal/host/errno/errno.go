// Package errno deals with the kernel's error numbers: their names, those in wrapped errors, EINTR,
// and the reasons for EPERM and for missing files of /proc.
package errno

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// Lasting is an error without a number that no retry cures.
type Lasting string

func (e Lasting) Error() string { return string(e) }

// IsLasting reports whether err wraps a Lasting.
func IsLasting(err error) bool {
	var lasting Lasting
	return errors.As(err, &lasting)
}

// Of returns the error number that err wraps, or 0 if it wraps none.
func Of(err error) syscall.Errno {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return 0
}

// Name returns the symbolic name of number, such as "ENOSPC", or "" for 0 and unknown numbers.
func Name(number syscall.Errno) string {
	if number == 0 {
		return ""
	}
	return unix.ErrnoName(number)
}

// Retry repeats a system call that a signal interrupted (EINTR).
func Retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
