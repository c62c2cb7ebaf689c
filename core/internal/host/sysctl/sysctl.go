// Package sysctl reads and writes the kernel's network settings below /proc/sys/net, in the
// namespace of the calling thread.
package sysctl

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
	"github.com/libcni/libcni/core/internal/host/file"
)

const root = "/proc/sys/net"

// ErrUnavailable says that the process sees no settings: /proc is mounted with subset=pid.
var ErrUnavailable = errors.New(root + " is missing (/proc is mounted without it)")

// Refused reports whether an error says that settings cannot be read or written here, as in a
// nested container: /proc/sys is read-only or missing, or the process lacks the privileges.
func Refused(err error) bool {
	for _, reason := range []error{unix.EROFS, unix.EACCES, unix.EPERM, ErrUnavailable} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// Writable reports whether a setting can be written.
func Writable(key string) bool {
	name, err := path(key)
	if err != nil {
		return false
	}
	f, err := file.OpenAny(name, file.WriteOnly, 0)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// ErrPath refuses a key that leads out of /proc/sys/net.
var ErrPath = errors.New("not a path below " + root)

// Get returns the value of a setting, such as "ipv4/ip_forward", without the newline. The error
// wraps fs.ErrNotExist if the kernel or the link does not have the setting.
func Get(key string) (string, error) {
	name, err := path(key)
	if err != nil {
		return "", err
	}
	value, err := file.ReadProc(name, maxValue)
	if err != nil {
		return "", fmt.Errorf("sysctl net/%s: read: %w", key, reason(err))
	}
	return string(bytes.TrimSpace(value)), nil
}

// Set writes a setting if it has another value, and reports whether it did. It opens one file for
// both: the kernel takes longer to find a setting of a new link than to set it.
func Set(key, value string) (changed bool, err error) {
	name, err := path(key)
	if err != nil {
		return false, err
	}
	f, err := openToWrite(name, file.ReadWrite, key, value)
	if f == nil || err != nil {
		return false, err
	}
	defer f.Close()

	present := make([]byte, maxValue)
	n, err := f.ReadOnce(present)
	if err != nil {
		return false, fmt.Errorf("sysctl net/%s: read: %w", key, reason(err))
	}
	if string(bytes.TrimSpace(present[:n])) == value {
		return false, nil
	}
	// the kernel ignores what is not at the beginning
	if _, err := f.WriteAt([]byte(value), 0); err != nil {
		return false, fmt.Errorf("sysctl net/%s: write %q: %w", key, value, reason(err))
	}
	return true, nil
}

// Put writes a setting that has another value, such as one of a new link, without reading it first.
func Put(key, value string) error {
	name, err := path(key)
	if err != nil {
		return err
	}
	f, err := openToWrite(name, file.WriteOnly, key, value)
	if f == nil || err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(value), 0); err != nil {
		return fmt.Errorf("sysctl net/%s: write %q: %w", key, value, reason(err))
	}
	return nil
}

// openToWrite opens a setting. It returns nil for one that cannot be written and has the value.
func openToWrite(name string, flags int, key, value string) (*file.File, error) {
	f, err := file.OpenAny(name, flags, 0)
	if err == nil {
		return f, nil
	}
	err = fmt.Errorf("sysctl net/%s: write %q: %w", key, value, reason(err))
	if Refused(err) {
		if present, e := Get(key); e == nil && present == value {
			return nil, nil
		}
	}
	return nil, err
}

// maxValue is more than any of the settings has.
const maxValue = 256

// reason leaves out the path, which the key repeats, unless /proc is missing.
func reason(err error) error {
	var at *fs.PathError
	switch {
	case !errors.As(err, &at) || errno.LacksProc(err):
		return err
	case errors.Is(err, fs.ErrNotExist) && isMissing(root):
		return ErrUnavailable
	default:
		return at.Err
	}
}

func isMissing(path string) bool {
	_, err := file.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// Link returns the key of a setting of one link, such as Link("ipv6", "eth0", "accept_ra").
func Link(family, link, setting string) string {
	return filepath.Join(family, "conf", link, setting)
}

// path returns the file of a setting. A link's name may hold dots, but no slash.
func path(key string) (string, error) {
	name := filepath.Join(root, key)
	if !strings.HasPrefix(name, root+"/") || strings.ContainsRune(key, 0) ||
		filepath.Clean(key) != key {
		return "", fmt.Errorf("sysctl net/%s: %w", key, ErrPath)
	}
	return name, nil
}
