// Package boot identifies the current boot of the kernel and tells the time since it.
package boot

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/file"
)

// ID returns the random identifier of this boot, the same in all namespaces.
func ID() (string, error) {
	const size = 64 // more than a UUID has
	text, err := file.ReadProc("/proc/sys/kernel/random/boot_id", size)
	if err != nil {
		return "", fmt.Errorf("boot id: %w", err)
	}
	id := strings.TrimSpace(string(text))
	if id == "" {
		return "", fmt.Errorf("boot id: the kernel gives none")
	}
	return id, nil
}

// Clock tells the time since boot. Its zero value is ready for use. Safe for concurrent use.
type Clock struct {
	shifted atomic.Pointer[time.Duration] // by the time namespace, once known
}

// Now returns the time since boot, suspended time included (CLOCK_BOOTTIME). It does not jump when
// the clock is set, and is the same in all time namespaces, so that processes can compare it.
func (c *Clock) Now() (time.Duration, error) {
	var now unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	if err != nil {
		return 0, fmt.Errorf("time since boot: %w", err)
	}

	shifted, err := c.shift()
	if err != nil {
		return 0, fmt.Errorf("time since boot: %w", err)
	}
	return time.Duration(now.Nano()) - shifted, nil
}

// shift returns what the function shift found first: the kernel moves no process of several threads
// to another time namespace, as each process with Go in it is one.
func (c *Clock) shift() (time.Duration, error) {
	if known := c.shifted.Load(); known != nil {
		return *known, nil
	}
	found, err := shift()
	if err == nil {
		c.shifted.Store(&found)
	}
	return found, err
}
