package core

import (
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/lifecycle"
)

// EnterNetns moves the calling goroutine's thread into a network namespace, given by name or by
// path as in a NetnsRequest. The goroutine must execute another program next. The error is an
// *Error.
func EnterNetns(name, path string) error {
	path, err := netnsPath(name, path)
	if err != nil {
		return err
	}

	ns, err := netns.Open(path, nil)
	if err != nil {
		return lifecycle.NamespaceError(path, err)
	}
	if err := ns.Enter(); err != nil {
		return lifecycle.NamespaceError(path, err)
	}
	return nil
}
