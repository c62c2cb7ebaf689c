package netns

import (
	"os"
	"strings"
)

// processPaths are prefixes of paths that lead to different files in each process or thread, with
// what they stand for.
var processPaths = []struct{ prefix, link, rest string }{
	{"/proc/self/", "/proc/self", ""},
	{"/proc/thread-self/", "/proc/thread-self", ""},
	{"/dev/fd/", "/proc/self", "fd/"},
}

// ForAnyProcess returns a path that leads in every process to what path leads to in the calling
// thread: /proc/1234/fd/3 for /proc/self/fd/3. Plugins are other processes, and the path is
// recorded for later ones. Other paths, and those that cannot be resolved, are returned unchanged.
func ForAnyProcess(path string) string {
	for _, p := range processPaths {
		rest, found := strings.CutPrefix(path, p.prefix)
		if !found {
			continue
		}

		process, err := os.Readlink(p.link)
		if err != nil {
			return path
		}
		return "/proc/" + process + "/" + p.rest + rest
	}
	return path
}
