// Package main is libcni.so. It turns C calls into calls of core.Engine, and answers into C
// strings. It guards the host process (guest.c, goruntime) and decides nothing about networks. The
// manual of its functions is ../include/cni.h.
package main

// #cgo CFLAGS: -std=gnu11 -Wall -fvisibility=hidden -fstack-protector-strong
// #include "shim.h"
import "C"

import (
	"github.com/libcni/libcni/capi/goruntime"
	"github.com/libcni/libcni/core"
)

// engine serves all calls. C functions have no receiver that could carry it.
var engine = core.New(core.Options{Start: startProcess})

// init is the only place where a library can set up the Go runtime that it brings into its host.
func init() {
	goruntime.Settle()
}

func main() {} // the c-shared and c-archive build modes ask for it and never call it
