package host

import (
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// buildWithDefects builds libcni.so with testdata/panics/call.go in the place of capi/call.go:
// methods that panic.
func buildWithDefects(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	library := filepath.Join(dir, "libcni.so")
	replace := absolute(t, root+"/capi/call.go") + "=" + absolute(t, "testdata/panics/call.go")
	rig.Run(t, "make", "-s", "-C", root, "BUILD="+dir, "REPLACE="+replace, library)
	return library
}

// buildOther builds another library in Go where hosts look for it.
func buildOther(t *testing.T, folder string) {
	t.Helper()
	rig.Run(t, "go", "build", "-buildvcs=false", "-buildmode=c-shared", "-o",
		filepath.Join(folder, "other.so"), "./testdata/other")
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
