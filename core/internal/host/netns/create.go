package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/thread"
)

// Create makes a network namespace, brings its lo up and binds it to path, which must be absolute
// and must not exist (fs.ErrExist). It makes missing directories with mode 0755. On failure it
// leaves nothing.
//
// The mount is made in the mount namespace of the calling thread and propagates like the mount that
// holds path: on a host run by systemd all mounts are shared, so every process sees it. Unlike "ip
// netns", Create does not make the directory a shared mount of its own.
func Create(ctx context.Context, path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("namespace %s: %w", path, ErrRelative)
	}
	if err := create(ctx, filepath.Clean(path)); err != nil {
		return fmt.Errorf("create namespace %s: %w", path, err)
	}
	return nil
}

func create(ctx context.Context, path string) (err error) {
	made, err := makeDirs(filepath.Dir(path))
	defer func() {
		if err != nil {
			removeDirs(made)
		}
	}()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	file.Close()
	defer func() {
		if err != nil {
			os.Remove(path)
		}
	}()
	fd, err := unshared(ctx)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	source := "/proc/thread-self/fd/" + strconv.Itoa(fd)
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "mount", Path: source, Err: err}
	}
	return nil
}

// unshared returns a descriptor of a new namespace with lo up. To make one waits for global locks
// of the kernel, which can take seconds on a busy machine. If ctx ends first, the namespace is
// dropped when it is made.
func unshared(ctx context.Context) (int, error) {
	type outcome struct {
		fd  int
		err error
	}
	made := make(chan outcome)
	thread.Own(func() {
		fd, err := unshareThread()
		select {
		case made <- outcome{fd, err}:
		case <-ctx.Done():
			if err == nil {
				unix.Close(fd)
			}
		}
	})
	select {
	case got := <-made:
		return got.fd, got.err
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}

// unshareThread moves the calling thread to a new namespace with lo up and returns its descriptor.
func unshareThread() (int, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return -1, fmt.Errorf("unshare: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return -1, fmt.Errorf("link lo: %w", err)
	}
	return openFile(ownPath)
}

// loopbackUp uses the ioctl, which needs one socket and no netlink.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err != nil {
		return err
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// Delete unmounts the network namespace at path and removes the file. The kernel deletes the
// namespace when it is not used any more. Anything but a bound network namespace is refused with
// ErrNotNamespace and left unchanged, among them symbolic links and /proc/PID/ns/net. If nothing is
// at path, the error is fs.ErrNotExist.
func Delete(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete namespace %s: %w", path, err)
	}
	if err := remove(path); err != nil {
		return fmt.Errorf("delete namespace %s: %w", path, err)
	}
	return nil
}

func remove(path string) error {
	if !filepath.IsAbs(path) {
		return ErrRelative
	}
	if err := mustBeBound(path); err != nil {
		return err
	}
	// A path can be bound more than once, one over the other.
	for {
		if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount: %w", err)
		}
		if err := mustBeBound(path); errors.Is(err, ErrNotNamespace) {
			break
		} else if err != nil {
			return ignoringAbsence(err)
		}
	}
	return ignoringAbsence(os.Remove(path))
}

// mustBeBound opens only a namespace: it looks at the path first, without following a link.
func mustBeBound(path string) error {
	at, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	var in unix.Statfs_t
	if err := unix.Fstatfs(at, &in); err != nil {
		return err
	}
	if in.Type != unix.NSFS_MAGIC {
		return ErrNotNamespace
	}
	fd, err := open(path)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// ignoringAbsence drops the error of a path that another process has deleted meanwhile.
func ignoringAbsence(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// makeDirs makes dir and returns the directories that were missing, the outermost first.
func makeDirs(dir string) (made []string, err error) {
	if _, err := os.Stat(dir); err == nil {
		return nil, nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if made, err = makeDirs(parent); err != nil {
			return made, err
		}
	}
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		return append(made, dir), nil
	case errors.Is(err, fs.ErrExist):
		// made by another process meanwhile, or not a directory: the next step fails then
		return made, nil
	default:
		return made, err
	}
}

// removeDirs removes what makeDirs made, unless it is used by now.
func removeDirs(made []string) {
	for i := len(made) - 1; i >= 0; i-- {
		if os.Remove(made[i]) != nil {
			return
		}
	}
}
