// A guest keeps no descriptors of cgroup files open, and does not watch the host's CPU limits.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Package main is libcni.so: it turns C calls into calls of core.Engine and answers into C strings. It guards the host
// process (see guest.c, start.c) and decides nothing about networks. cni.h in ../include is the manual of what it exports.
package main

// #cgo CFLAGS: -std=gnu11 -Wall -fvisibility=hidden -fstack-protector-strong
// #cgo LDFLAGS: -Wl,--wrap=pthread_getattr_np
// #include "shim.h"
// #include "start.h"
import "C"

import (
	"math"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/libcni/libcni/core"
)

// maxProcs is how many threads run Go code at once. Calls wait for the kernel most of the time.
const maxProcs = 4

// gcPercent trades a little work for a small heap: the memory is the host's.
const gcPercent = 100

// engine serves all calls. C functions have no receiver that could carry it.
var engine = core.New(core.Options{Start: startProcess})

// init is the one place where a library can set up the runtime it brings into its host. GOGC, GOMEMLIMIT and GOMAXPROCS
// in the environment are meant for the host, not for us.
func init() {
	runtime.GOMAXPROCS(min(runtime.NumCPU(), maxProcs))
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(math.MaxInt64)
	restoreOpenFileLimit()
	C.sem_post(&C.start_complete)
}

// restoreOpenFileLimit undoes what package syscall does when it starts: it raises the soft limit on open files, which
// whatever the host starts would inherit.
func restoreOpenFileLimit() {
	var host C.struct_rlimit
	if C.shim_host_nofile(&host) == 0 {
		return
	}
	// The only errors are those of a limit that another thread of the host has just lowered; that one counts then.
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(host.rlim_cur), Max: uint64(host.rlim_max)})
}

func main() {} // the c-shared and c-archive build modes ask for it and never call it
