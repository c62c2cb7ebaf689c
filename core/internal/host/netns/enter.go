package netns

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Enter moves the calling goroutine's thread into the namespace, for good: the caller is about to
// execute another program on it.
func (n *Namespace) Enter() error {
	runtime.LockOSThread()
	if err := unix.Setns(n.Fd(), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", n.path, err)
	}
	return nil
}
