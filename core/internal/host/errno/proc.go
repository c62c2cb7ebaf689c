package errno

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

const proc = "/proc"

// HasProc reports whether the proc file system is mounted where it is expected.
func HasProc() bool {
	var in unix.Statfs_t
	return unix.Statfs(proc, &in) == nil && in.Type == unix.PROC_SUPER_MAGIC
}

// LacksProc reports whether err is about a file of /proc that is missing because nothing is mounted
// there.
func LacksProc(err error) bool {
	var at *fs.PathError
	return errors.As(err, &at) && errors.Is(at, fs.ErrNotExist) &&
		strings.HasPrefix(at.Path, proc+"/") && !HasProc()
}
