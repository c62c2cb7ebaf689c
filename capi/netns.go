package main

// #include "shim.h"
import "C"

//export goCniNetnsCreate
func goCniNetnsCreate(call *C.struct_shim_call) C.int { return serve(call, "netns.create") }

//export goCniNetnsDelete
func goCniNetnsDelete(call *C.struct_shim_call) C.int { return serve(call, "netns.delete") }
