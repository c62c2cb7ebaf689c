package conformance

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// init keeps the main goroutine, and no other, on the first thread: that one would not end with a
// goroutine, but stay in the namespace it was taken to.
func init() { runtime.LockOSThread() }

// TestMain makes the test binary two programs: the tests, and under the name of a plugin the
// recorder.
func TestMain(m *testing.M) {
	if os.Getenv("CNI_COMMAND") != "" && os.Getenv(recordTo) != "" {
		record()
	}
	os.Exit(m.Run())
}

var driverProgram struct {
	once sync.Once
	path string
}

// program returns the C program that calls libcni.so, which is compiled once.
func program(t testing.TB) string {
	t.Helper()
	driverProgram.once.Do(func() {
		path := filepath.Join(filepath.Dir(rig.Library(t)), "conformance-driver")
		rig.CompileTo(t, path, "testdata/driver.c", rig.Shared(t)...)
		driverProgram.path = path
	})
	return driverProgram.path
}
