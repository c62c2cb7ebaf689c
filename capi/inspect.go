package main

// #include "shim.h"
import "C"

//export goCniNetworks
func goCniNetworks(call *C.struct_shim_call) C.int { return serve(call, "networks") }

//export goCniAttachments
func goCniAttachments(call *C.struct_shim_call) C.int { return serve(call, "attachments") }

//export goCniPlugins
func goCniPlugins(call *C.struct_shim_call) C.int { return serve(call, "plugins") }

//export goCniPluginInfo
func goCniPluginInfo(call *C.struct_shim_call) C.int { return serve(call, "plugin.info") }

//export goCniConvert
func goCniConvert(call *C.struct_shim_call) C.int { return serve(call, "convert") }
