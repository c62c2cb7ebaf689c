// Package must ends a test at an error that is not its subject.
package must

import "testing"

// Succeed fails the test at once if err is not nil.
func Succeed(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
