// Package thread has functions run on operating system threads of their own: in a network namespace that is not the
// caller's, or in a system call that the kernel keeps for long. The threads of a Crew are kept for the next function.
package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// first is found while packages are initialized, which the runtime does on its first thread. That is the main thread of
// a Go program, but in a library it is one that the runtime made when it was loaded, and its id is not the process's.
var first = unix.Gettid()

// Own runs fn on a thread that runs nothing else and ends when fn returns, because the goroutine ends locked to it: what
// the thread kept alive, such as the namespace it is in, goes with it. It does not wait for fn.
//
// The runtime never ends its first thread. So when the goroutine happens to run there, it holds that thread until
// another goroutine has found itself another.
func Own(fn func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != first {
			fn()
			return
		}
		moved := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(moved)
			fn()
		}()
		<-moved
		runtime.UnlockOSThread()
	}()
}
