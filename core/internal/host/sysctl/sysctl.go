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
	f, err := file.OpenAny(name, file.ReadWrite, 0)
	// it may have the value
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EROFS) || errors.Is(err, unix.EPERM) {
		if present, e := Get(key); e == nil && present == value {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("sysctl net/%s: write %q: %w", key, value, reason(err))
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

// maxValue is more than any of the settings has.
const maxValue = 256

// reason leaves out the path, which the key repeats, unless /proc is missing.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) && !errno.LacksProc(err) {
		return at.Err
	}
	return err
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
