package netns

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestForAnyProcess(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	process, thread := os.Getpid(), unix.Gettid()
	for path, want := range map[string]string{
		"/proc/self/fd/3":          fmt.Sprintf("/proc/%d/fd/3", process),
		"/proc/self/ns/net":        fmt.Sprintf("/proc/%d/ns/net", process),
		"/proc/thread-self/ns/net": fmt.Sprintf("/proc/%d/task/%d/ns/net", process, thread),
		"/dev/fd/3":                fmt.Sprintf("/proc/%d/fd/3", process),
		"/proc/selfish":            "/proc/selfish",
		"/proc/1/ns/net":           "/proc/1/ns/net",
		"/run/netns/c1":            "/run/netns/c1",
		"":                         "",
	} {
		if got := ForAnyProcess(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
