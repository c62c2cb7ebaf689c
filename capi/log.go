package main

// #include <stdlib.h>
// #include "shim.h"
import "C"

import "unsafe"

// log passes an event to the host's callback, on the thread that made the call.
func log(event []byte) {
	text := C.CString(string(event))
	defer C.free(unsafe.Pointer(text))
	C.shim_log(text)
}
