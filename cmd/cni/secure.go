package main

import (
	"encoding/binary"
	"os"
)

const (
	auxvEnd    = 0
	auxvSecure = 23 // AT_SECURE, see getauxval(3)
)

// secureExecution reports whether the program has more privileges than its user: set-uid, set-gid
// or file capabilities. The environment must not be trusted then.
func secureExecution() bool {
	auxv, err := os.ReadFile("/proc/self/auxv")
	if err != nil { // without /proc, compare the IDs; an unreadable file means changed privileges
		return !os.IsNotExist(err) || os.Geteuid() != os.Getuid() || os.Getegid() != os.Getgid()
	}
	return auxvSays(auxv)
}

// auxvSays looks for AT_SECURE in an auxiliary vector: pairs of 64-bit words, as on every 64-bit
// machine.
func auxvSays(auxv []byte) bool {
	const word = 8
	for ; len(auxv) >= 2*word; auxv = auxv[2*word:] {
		switch binary.NativeEndian.Uint64(auxv) {
		case auxvSecure:
			return binary.NativeEndian.Uint64(auxv[word:]) != 0
		case auxvEnd:
			return false
		}
	}
	return false
}
