package lockfile

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// searchTime bounds the search for holders, which looks at the descriptors of all processes.
const searchTime = 100 * time.Millisecond

// holder is a process that holds a lock.
type holder struct {
	pid     int
	name    string // of its command; "" if it is unknown
	stopped bool
}

func (h holder) String() string {
	if h.pid == os.Getpid() {
		return "another call of this process"
	}
	text := fmt.Sprintf("process %d", h.pid)
	if h.name != "" {
		text += " (" + h.name + ")"
	}
	if h.stopped {
		text += ", which is stopped"
	}
	return text
}

// describe returns what is known about a process.
func describe(pid int) holder {
	h := holder{pid: pid}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return h
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open >= 0 && open < end && end+2 < len(stat) {
		state := stat[end+2]
		h.name = strings.ToValidUTF8(string(stat[open+1:end]), "?")
		h.stopped = state == 'T' || state == 't'
	}
	return h
}

// locked is the lock that is searched for: a whole file, or one byte.
type locked struct {
	kind string // as the kernel writes it: FLOCK, OFDLCK
	at   int64  // of OFDLCK; -1 for any byte
}

// holders returns the processes with a descriptor that leads to link, as /proc has it, and that
// holds the lock. Processes of others may be hidden.
func (l locked) holders(link string) []holder {
	var found []holder
	deadline := time.Now().Add(searchTime)
	for _, pid := range l.candidates() {
		if time.Now().After(deadline) {
			break
		}
		if l.isHeldBy(pid, link) {
			found = append(found, describe(pid))
		}
	}
	return found
}

// candidates returns the processes that may hold such a lock. The kernel names the process that
// took a FLOCK. An OFDLCK belongs to a file description, so that all processes may have it.
func (l locked) candidates() []int {
	if l.kind == flock {
		return l.listed("/proc/locks")
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// The kernel's names of the two kinds of locks.
const (
	flock = "FLOCK"
	ofd   = "OFDLCK"
)

// listed returns the processes of the locks of this kind in a file of /proc; -1 for those of a file
// description.
func (l locked) listed(path string) []int {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var pids []int
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if pid, matches := l.parse(lines.Text()); matches {
			pids = append(pids, pid)
		}
	}
	return pids
}

// parse reads a line such as "lock: 1: FLOCK ADVISORY WRITE 4711 00:2f:88 0 EOF".
func (l locked) parse(line string) (pid int, matches bool) {
	words := strings.Fields(strings.TrimPrefix(line, "lock:"))
	if len(words) != 8 || words[1] != l.kind {
		return 0, false
	}
	pid, err := strconv.Atoi(words[4])
	return pid, err == nil && l.covers(words[6], words[7])
}

func (l locked) covers(first, last string) bool {
	if l.at < 0 {
		return true
	}
	from, err := strconv.ParseInt(first, 10, 64)
	to, openEnd := strconv.ParseInt(last, 10, 64)
	return err == nil && from <= l.at && (openEnd != nil || l.at <= to)
}

// isHeldBy reports whether one of the process's descriptors leads to link and holds the lock.
func (l locked) isHeldBy(pid int, link string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if err == nil && target == link &&
			len(l.listed(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, entry.Name()))) > 0 {
			return true
		}
	}
	return false
}

// linkOf returns where a descriptor leads, as /proc has it.
func linkOf(fd int) string {
	link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)) // "" leads nowhere
	return link
}
