// Package leaktest fails a test binary that leaves descriptors open. An open socket or namespace
// file keeps a container's network namespace alive, so that such a leak is more than a number.
package leaktest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is more than the time for which sockets of finished calls are kept.
const patience = 5 * time.Second

// Main runs the tests and returns the exit code for TestMain. It is 1 if sockets, namespaces, pipes
// or files are open that were not before.
func Main(m *testing.M) int {
	startPoller()
	before := open()
	code := m.Run()

	left := leaked(before)
	for deadline := time.Now().Add(patience); len(left) > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		left = leaked(before)
	}
	if len(left) > 0 && code == 0 {
		fmt.Fprintf(os.Stderr, "the tests leave descriptors open: %s\n", strings.Join(left, ", "))
		return 1
	}
	return code
}

// startPoller has the runtime open the two descriptors that it keeps.
func startPoller() {
	if reader, writer, err := os.Pipe(); err == nil {
		reader.Close()
		writer.Close()
	}
}

// open returns what the process's descriptors lead to, by descriptor.
func open() map[string]string {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	all := map[string]string{}
	for _, entry := range entries {
		// The descriptor of the directory itself is closed by now.
		if target, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil {
			all[entry.Name()] = target
		}
	}
	return all
}

// leaked returns what is open that was not.
func leaked(before map[string]string) []string {
	var left []string
	for fd, target := range open() {
		if before[fd] != target {
			left = append(left, fd+": "+target)
		}
	}
	slices.Sort(left)
	return left
}
