package main

// #include "shim.h"
import "C"

import (
	"context"
	"syscall"
	"unsafe"

	"github.com/libcni/libcni/api"
	"github.com/libcni/libcni/capi/goruntime"
)

//export goCniCall
func goCniCall(call *C.struct_shim_call) C.int {
	return answer(call, func() (int, []byte) {
		goruntime.StartPoller()
		request := C.GoBytes(unsafe.Pointer(call.request), C.int(call.request_length))
		return engine.Call(context.Background(), caller(call), C.GoString(call.method), request)
	})
}

//export goCniDescribe
func goCniDescribe(call *C.struct_shim_call) C.int {
	return answer(call, func() (int, []byte) { return 0, api.Description() })
}

//export goCniCancel
func goCniCancel(requestID *C.char) C.int {
	rc, _ := guarded(func() (int, []byte) {
		if engine.Cancel(C.GoString(requestID)) {
			return 0, nil
		}
		return -int(syscall.ENOENT), nil
	})
	return C.int(rc)
}
