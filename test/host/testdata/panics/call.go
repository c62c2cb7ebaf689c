// This file takes the place of capi/call.go in a library that the test builds: it has methods with
// defects.
package main

// #include "shim.h"
import "C"

import (
	"context"
	"syscall"
	"unsafe"

	"github.com/libcni/libcni/api"
)

//export goCniCall
func goCniCall(call *C.struct_shim_call) C.int {
	method := C.GoString(call.method)
	var none *C.struct_shim_call
	var empty []int
	switch method {
	case "test.panic":
		return answer(call, func() (int, []byte) { panic("provoked") })
	case "test.nil":
		return answer(call, func() (int, []byte) { return int(none.wants_log), nil })
	case "test.index":
		return answer(call, func() (int, []byte) { return empty[len(method)], nil })
	case "test.divide":
		return answer(call, func() (int, []byte) { return 1 / len(empty), nil })
	}
	return answer(call, func() (int, []byte) {
		request := C.GoBytes(unsafe.Pointer(call.request), C.int(call.request_length))
		return engine.Call(context.Background(), caller(call), method, request)
	})
}

//export goCniDescribe
func goCniDescribe(call *C.struct_shim_call) C.int {
	return answer(call, func() (int, []byte) { return 0, api.Description() })
}

//export goCniCancel
func goCniCancel(requestID *C.char) C.int {
	if engine.Cancel(C.GoString(requestID)) {
		return 0
	}
	return -C.int(syscall.ENOENT)
}
