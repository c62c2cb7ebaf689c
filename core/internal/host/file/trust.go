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
func CheckPrivate(dir string) error {
	info, err := Stat(dir)
	if err != nil {
		return err
	}
	if info.user != 0 && info.user != uint32(unix.Geteuid()) {
		return &UntrustedError{dir, fmt.Sprintf(
			"belongs to user %d: it must belong to root or to the caller (chown %d %s)",
			info.user, unix.Geteuid(), dir)}
	}
	if info.mode&unix.S_IWGRP != 0 && info.group != info.user {
		return &UntrustedError{dir, fmt.Sprintf(
			"can be written by group %d: only its owner may write to it (chmod go-w %s)",
			info.group, dir)}
	}
	return info.refuseOthers(dir)
}

// CheckTrusted refuses a file or directory that every user can change. Its owner is trusted: the
// caller named it. The error is an *UntrustedError, or wraps fs.ErrNotExist.
func CheckTrusted(path string) error {
	info, err := Stat(path)
	if err != nil {
		return err
	}
	return info.refuseOthers(path)
}

func (f *File) refuseOthers() error { return f.info.refuseOthers(f.path) }

func (i Info) refuseOthers(path string) error {
	if i.mode&unix.S_IWOTH == 0 {
		return nil
	}
	return &UntrustedError{path, fmt.Sprintf("can be written by every user (mode %04o): "+
		"chmod o-w %s", fs.FileMode(i.mode).Perm(), path)}
}
