package main

/*
#include <stdlib.h>
#include "spawn.h"
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"github.com/libcni/libcni/core"
)

// keepsStatus reports whether the kernel needs no intermediate. It asks the kernel once.
var keepsStatus = sync.OnceValue(func() bool { return C.libcni_spawn_keeps_status() != 0 })

// startProcess starts a plugin process from the calling thread. It is the core.Starter of
// libcni.so.
func startProcess(spec core.ProcessSpec) (core.StartedProcess, error) {
	flags := 0
	if !keepsStatus() {
		flags = C.LIBCNI_SPAWN_INTERMEDIATE
	}
	return startProcessWith(spec, flags)
}

func startProcessWith(spec core.ProcessSpec, flags int) (core.StartedProcess, error) {
	var request C.struct_libcni_spawn_request
	var free func()
	var err error
	if request, free, err = spawnRequest(spec, flags); err != nil {
		return core.StartedProcess{}, fmt.Errorf("start %q: %w", spec.Path, err)
	}
	defer free()

	var result C.struct_libcni_spawn_result
	if failed := C.libcni_spawn(&request, &result); failed != 0 {
		return core.StartedProcess{}, fmt.Errorf("start %s: %s: %w", spec.Path, C.GoString(result.step),
			syscall.Errno(failed))
	}
	runtime.KeepAlive(spec)
	started := core.StartedProcess{
		PID:          int(result.pid),
		Pidfd:        os.NewFile(uintptr(result.pidfd), "pidfd"),
		Intermediate: int(result.intermediate),
	}
	if result.status >= 0 {
		started.Status = os.NewFile(uintptr(result.status), "status")
	}
	return started, nil
}

// spawnRequest copies a specification into C's memory, which free releases.
func spawnRequest(spec core.ProcessSpec,
	flags int) (request C.struct_libcni_spawn_request, free func(), err error) {
	for _, s := range append(append([]string{spec.Path}, spec.Args...), spec.Env...) {
		if strings.IndexByte(s, 0) >= 0 {
			return request, nil, fmt.Errorf("NUL in %q: %w", s, syscall.EINVAL)
		}
	}
	path := C.CString(spec.Path)
	argv, freeArgv := cStrings(spec.Args)
	envp, freeEnvp := cStrings(spec.Env)
	request.path, request.argv, request.envp = path, argv, envp
	for i, file := range []*os.File{spec.Stdin, spec.Stdout, spec.Stderr} {
		request.stdio[i] = C.int(file.Fd())
	}
	request.flags = C.uint(flags)
	return request, func() { C.free(unsafe.Pointer(path)); freeArgv(); freeEnvp() }, nil
}

// cStrings makes a NULL-terminated array of C strings.
func cStrings(list []string) (array **C.char, free func()) {
	size := uintptr(len(list)+1) * unsafe.Sizeof(*array)
	array = (**C.char)(C.malloc(C.size_t(size)))
	slots := unsafe.Slice(array, len(list)+1)
	for i, s := range list {
		slots[i] = C.CString(s)
	}
	slots[len(list)] = nil
	return array, func() {
		for _, s := range slots {
			C.free(unsafe.Pointer(s))
		}
		C.free(unsafe.Pointer(array))
	}
}
