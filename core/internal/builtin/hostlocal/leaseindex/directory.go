package leaseindex

import (
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/host/file"
)

// Directory identifies a directory and its state: any change of its entries changes it.
type Directory struct {
	Device, Inode, Modified, Changed uint64
}

func (d *Directory) numbers() [4]*uint64 {
	return [...]*uint64{&d.Device, &d.Inode, &d.Modified, &d.Changed}
}

// SameAs reports whether both are the same directory, in whatever state.
func (d Directory) SameAs(other Directory) bool {
	return d.Inode == other.Inode && d.Device == other.Device
}

// Identify returns the identity and state of a directory.
func Identify(dir string) (Directory, error) {
	info, err := file.Stat(dir)
	if err != nil {
		return Directory{}, err
	}
	return Describe(dir, info)
}

// Describe returns the identity and state of a directory that was looked at.
func Describe(dir string, info file.Info) (Directory, error) {
	if !info.IsDirectory() {
		return Directory{}, &fs.PathError{Op: "stat", Path: dir, Err: syscall.ENOTDIR}
	}
	return Directory{
		Device:   info.Device,
		Inode:    info.Inode,
		Modified: uint64(info.Modified.UnixNano()),
		Changed:  uint64(info.Changed.UnixNano()),
	}, nil
}

// stampAge is more than the coarsest clock of a kernel lags behind.
const stampAge = 3 * time.Second

// stamp sets the directory's time to one that no change by another program sets, and returns the
// state.
func stamp(dir string) (Directory, error) {
	ours := time.Now().Add(-stampAge)
	if err := file.SetModified(dir, ours); err != nil {
		return Directory{}, err
	}
	d, err := Identify(dir)
	if err == nil && d.Modified != uint64(ours.UnixNano()) {
		err = errors.New("the file system does not keep nanoseconds")
	}
	return d, err
}
