package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// init keeps the main goroutine, and no other, on the first thread: that one would not end with a goroutine, but stay in
// the namespace it was taken to.
func init() { runtime.LockOSThread() }

// TestMain makes the test binary two programs: the tests, and under the name of a plugin the recorder.
func TestMain(m *testing.M) {
	if os.Getenv("CNI_COMMAND") != "" && os.Getenv(recordTo) != "" {
		record()
	}
	os.Exit(m.Run())
}

// setting returns the value of a variable that says where the things under test are.
func setting(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set; run \"make test\", or after \"make all peers\" set CNI_LIBRARY to build/libcni.so and CNI_PEERS to build/peers", name)
	}
	return value
}

// program is the C program that calls libcni.so, compiled once.
var program = sync.OnceValues(func() (string, error) {
	library := filepath.Dir(os.Getenv("CNI_LIBRARY"))
	path := filepath.Join(library, "conformance-driver")
	out, err := exec.Command("cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-I../../include", "-o", path,
		"testdata/driver.c", "-L"+library, "-lcni", "-Wl,-rpath,"+library).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build the driver: %w\n%s", err, out)
	}
	return path, err
})
