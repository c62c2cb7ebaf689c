// Package thread runs functions on dedicated operating system threads: in another network
// namespace, or in a system call that blocks for long. A Pool keeps such threads for the next
// function.
package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// first is the runtime's first thread, on which it initializes packages. In a Go program that is
// the main thread. In a shared library it is a thread that the runtime created when it was loaded,
// and its id differs from the process id.
var first = unix.Gettid()

// Own runs fn on a dedicated thread and does not wait for it. The thread exits when fn returns,
// because the goroutine ends while locked to it. What the thread kept alive, such as its namespace,
// is released with it.
//
// The runtime never ends its first thread. A goroutine that starts on it therefore holds that
// thread until a second goroutine has been scheduled on another one.
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
