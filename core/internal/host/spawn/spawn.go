// Package spawn starts plugin processes and follows them to their end: a clean child, its output,
// and its exit status even if another part of the process reaps it. It blocks the thread of the
// calling goroutine in poll(2) and starts no goroutine, so that a process is started, and its end
// noticed, on the thread that serves the request.
package spawn

import "os"

// Spec is a process to start.
type Spec struct {
	Path                  string   // of the executable; it is not searched for
	Args                  []string // with the program's name first
	Env                   []string // "K=V"
	Stdin, Stdout, Stderr *os.File // the child gets copies; all three are needed
}

// Started is a process that runs. Whoever receives it closes its files; New takes that over.
type Started struct {
	PID   int      // also the id of its process group
	Pidfd *os.File // of PID

	// Status is nil if this process is the parent. Otherwise the parent is an intermediate, and the
	// wait status arrives here as an int32 in the machine's byte order when the process has ended.
	Status *os.File
	// Intermediate is the pid of that intermediate process, 0 without one. It sends no SIGCHLD, ends
	// by itself after it has written to Status, and is waited for with __WALL.
	Intermediate int
}

// Starter makes a process on the calling thread and in its namespaces, with an empty signal mask,
// default dispositions, a process group of its own and no descriptors but the three of the Spec. A
// failed start leaves nothing; its error wraps the kernel's error number. Starters may be called
// concurrently.
type Starter func(Spec) (Started, error)
