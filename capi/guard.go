package main

// #include "shim.h"
import "C"

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"syscall"
	"unsafe"

	"github.com/libcni/libcni/core"
)

// answer copies the response of body to where C finds it. If there is no memory, the shim answers.
func answer(call *C.struct_shim_call, body func() (int, []byte)) C.int {
	rc, response := guarded(body)
	if room := C.shim_response(call, C.size_t(len(response))); room != nil {
		copy(unsafe.Slice((*byte)(room), len(response)), response)
	}
	return C.int(rc)
}

// guarded turns a panic, which would abort the host's process, into an error of kind bug.
func guarded(body func() (int, []byte)) (rc int, response []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			rc, response = bug(cause, debug.Stack())
		}
	}()
	return body()
}

func bug(cause any, stack []byte) (int, []byte) {
	// It has only strings, which always encode.
	response, _ := json.Marshal(core.Error{
		CNIVersion: "1.1.0",
		Code:       999,
		Msg:        fmt.Sprintf("libcni caught a defect of its own, please report it: %v", cause),
		Details:    string(stack),
		Kind:       "bug",
		Errno:      "EFAULT",
	})
	return -int(syscall.EFAULT), response
}

// caller returns the environment and the log callback of the host's thread.
func caller(call *C.struct_shim_call) core.Caller {
	c := core.Caller{Environ: environ(call.environment)}
	if call.wants_log != 0 {
		c.Log = log
	}
	return c
}

// environ copies a list of C strings that ends with NULL.
func environ(list **C.char) []string {
	var env []string
	for entry := list; *entry != nil; entry = (**C.char)(unsafe.Add(unsafe.Pointer(entry),
		unsafe.Sizeof(*entry))) {
		env = append(env, C.GoString(*entry))
	}
	return env
}
