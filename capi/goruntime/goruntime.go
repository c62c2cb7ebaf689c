// Package goruntime makes Go's runtime a good guest in a C process. Whatever of the library depends
// on the inside of Go is here: README.md lists each assumption, what a host loses without it, and
// its test.
package goruntime

// #cgo CFLAGS: -std=gnu11 -Wall -fvisibility=hidden -fstack-protector-strong
// #cgo LDFLAGS: -Wl,--wrap=pthread_getattr_np
// #include "start.h"
import "C"

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

// maxProcs is how many threads run Go code at once. Calls wait for the kernel most of the time.
const maxProcs = 4

// gcPercent trades a little work for a small heap: the memory is the host's.
const gcPercent = 100

// Settle limits what Go's runtime takes of the host and completes its start. GOGC, GOMEMLIMIT and
// GOMAXPROCS in the environment are meant for other Go programs and do not count. It is called
// once, when the program's packages are initialized.
func Settle() {
	runtime.GOMAXPROCS(min(runtime.NumCPU(), maxProcs))
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(math.MaxInt64)
	restoreOpenFileLimit()
	C.sem_post(&C.start_complete)
}

// StartPoller opens the descriptors of Go's poller, which the first timer needs. If Go cannot open
// them it ends the process, so the first call does it, while guest.c knows that there are enough.
var StartPoller = sync.OnceFunc(func() { time.AfterFunc(time.Hour, func() {}).Stop() })

// restoreOpenFileLimit undoes what package syscall does when it is initialized: it raises the soft
// limit on open files, which the processes that the host starts would inherit.
func restoreOpenFileLimit() {
	var host C.struct_rlimit
	if !C.start_host_nofile(&host) {
		return
	}
	limit := syscall.Rlimit{Cur: uint64(host.rlim_cur), Max: uint64(host.rlim_max)}
	// It fails only if another thread of the host has just lowered the hard limit, which then counts.
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
