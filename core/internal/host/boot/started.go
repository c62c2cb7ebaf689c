package boot

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrUnknownStart says that the start of this boot cannot be determined reliably.
var ErrUnknownStart = errors.New("the start of this boot is not known")

// Started returns a moment not later than the start of this boot, on the clock that file systems
// use for their times. A file whose inode last changed before that moment is of an earlier boot.
//
// The time of day less the time since boot would be wrong on a machine without a battery-backed
// clock, which starts in the past and is set forward later: files of this boot would look older
// than it. So Started also asks the tmpfs that holds dir, which was mounted at the start with
// whatever clock there was, and returns the earlier of the two. The error is ErrUnknownStart if dir
// is not on a tmpfs, or if the tmpfs does not record when it was made (before Linux 5.18).
func Started(dir string) (time.Time, error) {
	up, err := new(Clock).Now()
	if err != nil {
		return time.Time{}, err
	}
	made, err := tmpfsMade(dir)
	if err != nil {
		return time.Time{}, err
	}
	if started := time.Now().Add(-up); started.Before(made) {
		return started, nil
	}
	return made, nil
}

// tmpfsMade returns when the tmpfs that holds dir was made.
func tmpfsMade(dir string) (time.Time, error) {
	var kind unix.Statfs_t
	if err := unix.Statfs(dir, &kind); err != nil {
		return time.Time{}, fmt.Errorf("file system of %s: %w", dir, err)
	}
	if kind.Type != unix.TMPFS_MAGIC {
		return time.Time{}, fmt.Errorf("%s is on no tmpfs: %w", dir, ErrUnknownStart)
	}
	root, err := birth(dir)
	if err != nil {
		return time.Time{}, err
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		up, err := birth(parent)
		if err != nil || up.device != root.device {
			return root.at, nil
		}
		root = up
		if parent == "/" || parent == "." {
			return root.at, nil
		}
	}
}

type born struct {
	at     time.Time
	device uint64
}

func birth(path string) (born, error) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME,
		&stat); err != nil {
		return born{}, fmt.Errorf("birth of %s: %w", path, err)
	}
	if stat.Mask&unix.STATX_BTIME == 0 {
		return born{}, fmt.Errorf("birth of %s: %w", path, ErrUnknownStart)
	}
	return born{
		at:     time.Unix(stat.Btime.Sec, int64(stat.Btime.Nsec)),
		device: unix.Mkdev(stat.Dev_major, stat.Dev_minor),
	}, nil
}
