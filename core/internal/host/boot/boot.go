// Package boot tells one boot of the kernel from another, and the time since it.
package boot

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ID returns the random identifier of this boot, the same in all namespaces.
func ID() (string, error) {
	text, err := read("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("boot id: %w", err)
	}
	id := strings.TrimSpace(text)
	if id == "" {
		return "", fmt.Errorf("boot id: the kernel gives none")
	}
	return id, nil
}

// read goes past package os, which would have the runtime watch a file that never blocks.
func read(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var text [64]byte
	n, err := unix.Read(fd, text[:])
	if err != nil {
		return "", &os.PathError{Op: "read", Path: path, Err: err}
	}
	return string(text[:n]), nil
}

// Now returns the time since boot, suspended time included (CLOCK_BOOTTIME). It does not jump when the clock is set.
// A time namespace shifts it.
func Now() (time.Duration, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, fmt.Errorf("time since boot: %w", err)
	}
	return time.Duration(now.Nano()), nil
}
