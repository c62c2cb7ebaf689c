package main

// #include "shim.h"
import "C"

import "unsafe"

// log passes an event to the host's callback, on the thread that made the call.
func log(event []byte) {
	text := append(event, 0)
	C.shim_log((*C.char)(unsafe.Pointer(unsafe.SliceData(text))))
}
