// Command cni attaches containers to networks from the command line. It has verbs for people, "cni
// call" with JSON for programs that do not link libcni, and replaces the CNI project's cnitool in
// scripts.
//
// It is the outermost ring: it turns arguments and environment into one JSON request to core, and
// the answer into text. Only core decides what happens to an attachment.
package main

import (
	"os"
	"syscall"

	"github.com/libcni/libcni/core"
)

func main() {
	syscall.Umask(0o022) // independent of the shell: plugins and other tools read the files made here
	os.Exit(run())
}

func run() int {
	ctx, caught := interruptible()
	a := &app{
		engine: core.New(core.Options{}),
		in:     os.Stdin, out: os.Stdout, err: os.Stderr,
		env: func(string) string { return "" },
	}

	if !secureExecution() {
		a.environ, a.env = os.Environ(), os.Getenv
	}

	code := a.execute(ctx, os.Args)
	if sig := caught(); sig != 0 && code != exitDone {
		return 128 + sig
	}
	return code
}
