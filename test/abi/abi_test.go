// Package abi tests libcni as C programs meet it: it compiles the programs of this directory
// against the header and the built library, runs them, and looks at the library's file.
package abi

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/libcni/libcni/test/rig"
)

const root = "../.."

// compile makes a program as strictly as C99 allows.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	return rig.Compile(t, source, append([]string{"-std=c99"}, flags...)...)
}

// static are the flags that link the static library, as build/libcni.pc has them.
func static(t *testing.T) []string {
	return []string{filepath.Join(filepath.Dir(rig.Library(t)), "libcni.a"), "-pthread"}
}

// deadline ends a program that hangs.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
