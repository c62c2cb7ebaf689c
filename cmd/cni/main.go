// Command cni attaches containers to networks from the command line. It has verbs for people, speaks JSON with "cni
// call" for programs that do not link libcni, and takes the place of the CNI project's cnitool in scripts.
//
// It is the outermost ring: arguments and environment become the JSON of one request to core, and the answer becomes
// text. What happens to an attachment is decided in core alone.
package main

import (
	"os"
	"syscall"

	"github.com/libcni/libcni/core"
)

func main() {
	syscall.Umask(0o022) // whatever the shell has: plugins and other tools read what is made here
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
