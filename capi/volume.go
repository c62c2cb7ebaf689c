package main

// #include "shim.h"
import "C"

//export goCniVolumeCreate
func goCniVolumeCreate(call *C.struct_shim_call) C.int { return serve(call, "volume.create") }

//export goCniVolumeRemove
func goCniVolumeRemove(call *C.struct_shim_call) C.int { return serve(call, "volume.remove") }

//export goCniVolumeMount
func goCniVolumeMount(call *C.struct_shim_call) C.int { return serve(call, "volume.mount") }

//export goCniVolumeUnmount
func goCniVolumeUnmount(call *C.struct_shim_call) C.int { return serve(call, "volume.unmount") }

//export goCniVolumePath
func goCniVolumePath(call *C.struct_shim_call) C.int { return serve(call, "volume.path") }

//export goCniVolumeGet
func goCniVolumeGet(call *C.struct_shim_call) C.int { return serve(call, "volume.get") }

//export goCniVolumeList
func goCniVolumeList(call *C.struct_shim_call) C.int { return serve(call, "volume.list") }

//export goCniVolumeCapabilities
func goCniVolumeCapabilities(call *C.struct_shim_call) C.int {
	return serve(call, "volume.capabilities")
}

//export goCniVolumePlugins
func goCniVolumePlugins(call *C.struct_shim_call) C.int { return serve(call, "volume.plugins") }
