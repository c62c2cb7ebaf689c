// Package kittest is the rig of the plugins' tests: a host of the test's own with an outside and
// containers, invocations of plugins, servers and clients, the reference executables, and the state
// of the host as text. Whatever the rig lacks fails the test; nothing is skipped.
package kittest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/must"
)

// Must is must.Succeed.
func Must(t testing.TB, err error) {
	t.Helper()
	must.Succeed(t, err)
}

// Same fails the test if want and got differ, and shows the difference.
func Same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Drift returns the differences that a CHECK found, one line each, in the order of the error; nil
// for no error. Any other error fails the test.
func Drift(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.KindDrift {
		t.Fatalf("not drift: %v", err)
	}
	var lines []string
	for _, d := range f.Drift {
		lines = append(lines,
			fmt.Sprintf("%s: %s: %s, not %s", d.Plugin, d.Object, d.Actual, d.Expected))
	}
	return lines
}

// Sorted sorts lines and returns them.
func Sorted(lines []string) []string {
	slices.Sort(lines)
	return lines
}
