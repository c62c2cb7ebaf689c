package file

import (
	"fmt"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// UntrustedError says that another user can change a file, or what is in a directory. It wraps
// EACCES.
type UntrustedError struct {
	Path   string
	Reason string // with the command that helps
}

func (e *UntrustedError) Error() string { return e.Path + " " + e.Reason }
func (e *UntrustedError) Unwrap() error { return syscall.EACCES }

// CheckPrivate refuses a directory that another user can change: it must belong to the caller or to
// root, and neither its group nor others may write to it. A group with the number of the owner is
// the owner's private group. The error is an *UntrustedError, or wraps fs.ErrNotExist.
func CheckPrivate(dir string) (Info, error) {
	info, err := Stat(dir)
	if err == nil {
		err = info.CheckPrivate(dir)
	}
	return info, err
}

// CheckPrivate is the function CheckPrivate for a file or directory that was looked at; path is for
// the error.
func (i Info) CheckPrivate(path string) error {
	if i.user != 0 && i.user != uint32(unix.Geteuid()) {
		return &UntrustedError{path, fmt.Sprintf(
			"belongs to user %d: it must belong to root or to the caller (chown %d %s)",
			i.user, unix.Geteuid(), path)}
	}
	if i.mode&unix.S_IWGRP != 0 && i.group != i.user {
		return &UntrustedError{path, fmt.Sprintf(
			"can be written by group %d: only its owner may write to it (chmod go-w %s)",
			i.group, path)}
	}
	return i.refuseEveryone(path)
}

// CheckTrusted refuses a file or directory that every user can change. Its owner is trusted: the
// caller named it. The error is an *UntrustedError, or wraps fs.ErrNotExist.
func CheckTrusted(path string) error {
	info, err := Stat(path)
	if err != nil {
		return err
	}
	return info.refuseEveryone(path)
}

func (f *File) refuseEveryone() error { return f.info.refuseEveryone(f.path) }

func (i Info) refuseEveryone(path string) error {
	if i.mode&unix.S_IWOTH == 0 {
		return nil
	}
	return &UntrustedError{path, fmt.Sprintf("can be written by every user (mode %04o): "+
		"chmod o-w %s", fs.FileMode(i.mode).Perm(), path)}
}
