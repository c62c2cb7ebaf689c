package main

// #include "shim.h"
import "C"

//export goCniAdd
func goCniAdd(call *C.struct_shim_call) C.int { return serve(call, "add") }

//export goCniDel
func goCniDel(call *C.struct_shim_call) C.int { return serve(call, "del") }

//export goCniCheck
func goCniCheck(call *C.struct_shim_call) C.int { return serve(call, "check") }

//export goCniRepair
func goCniRepair(call *C.struct_shim_call) C.int { return serve(call, "repair") }

//export goCniGC
func goCniGC(call *C.struct_shim_call) C.int { return serve(call, "gc") }

//export goCniStatus
func goCniStatus(call *C.struct_shim_call) C.int { return serve(call, "status") }

//export goCniValidate
func goCniValidate(call *C.struct_shim_call) C.int { return serve(call, "validate") }
