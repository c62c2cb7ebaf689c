// Package sysctl reads and writes the kernel's network settings below /proc/sys/net, in the namespace of the calling
// thread.
package sysctl

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

const root = "/proc/sys/net"

// ErrPath refuses a key that leads out of /proc/sys/net.
var ErrPath = errors.New("not a path below " + root)

// Get returns the value of a setting, such as "ipv4/ip_forward", without the newline. A setting that the kernel or the
// link does not have is fs.ErrNotExist.
func Get(key string) (string, error) {
	name, err := file(key)
	if err != nil {
		return "", err
	}
	value, err := read(name)
	if err != nil {
		return "", fmt.Errorf("sysctl net/%s: read: %w", key, err)
	}
	return string(bytes.TrimSpace(value)), nil
}

// Set writes a setting if it has another value, and says whether it did.
func Set(key, value string) (changed bool, err error) {
	name, err := file(key)
	if err != nil {
		return false, err
	}
	// One file for both: to find a setting of a link that is new takes the kernel longer than to set it.
	fd, err := open(name, unix.O_RDWR)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EROFS) || errors.Is(err, unix.EPERM) { // it may have the value
		if present, e := Get(key); e == nil && present == value {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("sysctl net/%s: write %q: %w", key, value, err)
	}
	defer unix.Close(fd)
	present := make([]byte, 256)
	n, err := unix.Read(fd, present)
	if err != nil {
		return false, fmt.Errorf("sysctl net/%s: read: %w", key, err)
	}
	if string(bytes.TrimSpace(present[:n])) == value {
		return false, nil
	}
	if _, err := unix.Pwrite(fd, []byte(value), 0); err != nil { // what is not at the beginning is not written
		return false, fmt.Errorf("sysctl net/%s: write %q: %w", key, value, err)
	}
	return true, nil
}

// Link returns the key of a setting of one link, such as Link("ipv6", "eth0", "accept_ra").
func Link(family, link, setting string) string {
	return path.Join(family, "conf", link, setting)
}

// file returns where a setting is. A link's name may hold dots, and no slash.
func file(key string) (string, error) {
	name := path.Join(root, key)
	if !strings.HasPrefix(name, root+"/") || strings.ContainsRune(key, 0) || path.Clean(key) != key {
		return "", fmt.Errorf("sysctl net/%s: %w", key, ErrPath)
	}
	return name, nil
}

// read goes past package os, which would make the runtime poll a file that never blocks.
func read(name string) ([]byte, error) {
	fd, err := open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	value := make([]byte, 256)
	n, err := unix.Read(fd, value)
	if err != nil {
		return nil, err
	}
	return value[:n], nil
}

func open(name string, mode int) (int, error) {
	for {
		fd, err := unix.Open(name, mode|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
