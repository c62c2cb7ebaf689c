package boot

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/file"
)

// initialTimeNamespace is the time namespace that a machine starts with (PROC_TIME_INIT_INO). It
// shifts no clock.
const initialTimeNamespace = "time:[4026531834]"

// shift returns by how much the time namespace of the calling thread shifts CLOCK_BOOTTIME. Since
// Linux 5.6 a process can have another one than its children will have, and the kernel shows only
// the offsets of the latter. shift then looks at the process's parent, which usually is in the same
// namespace as the process itself.
func shift() (time.Duration, error) {
	own, err := readlink("/proc/thread-self/ns/time")
	if err != nil || own == initialTimeNamespace {
		return 0, nil // without time namespaces nothing is shifted
	}

	for _, process := range []string{"self", fmt.Sprint(unix.Getppid())} {
		dir := "/proc/" + process
		if children, err := readlink(dir + "/ns/time_for_children"); err == nil && children == own {
			return offset(dir + "/timens_offsets")
		}
	}
	return 0, fmt.Errorf("no process shows the offsets of the time namespace %s", own)
}

// offset reads the line "boottime SECONDS NANOSECONDS" of a file timens_offsets.
func offset(path string) (time.Duration, error) {
	const size = 256 // more than two lines of three columns have
	text, err := file.ReadProc(path, size)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var seconds, nanoseconds int64
		if _, err := fmt.Sscanf(line, "boottime %d %d", &seconds, &nanoseconds); err == nil {
			return time.Duration(seconds)*time.Second + time.Duration(nanoseconds), nil
		}
	}
	return 0, fmt.Errorf("%s: no offset of boottime", path)
}

func readlink(path string) (string, error) {
	target := make([]byte, 64)
	n, err := unix.Readlink(path, target)
	if err != nil {
		return "", err
	}
	return string(target[:n]), nil
}
