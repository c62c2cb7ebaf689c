// Package thread knows the one thread of the program that the Go runtime never ends.
package thread

import "golang.org/x/sys/unix"

// first is found while packages are initialized, which the runtime does on its first thread. That is the main thread of
// a Go program, but in a library it is one that the runtime made when it was loaded, and its id is not the process's.
var first = unix.Gettid()

// IsFirst reports whether the caller runs on the runtime's first thread. When a goroutine ends locked to a thread, the
// runtime ends the thread too, and with it what the thread kept alive, such as the namespace it is in; the first thread
// is parked as it is instead, for good. Only a goroutine that is locked to its thread can rely on the answer.
func IsFirst() bool { return unix.Gettid() == first }
