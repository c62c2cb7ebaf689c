package lockfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/libcni/libcni/core/internal/host/file"
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
	var pids []int
	if l.kind == flock {
		pids = pidsOf(l.listed("/proc/locks"))
	} else {
		pids = processes()
	}
	return l.among(pids, link)
}

// holdersBeside is holders of a removed file that had the name of another one, which this process
// has just made and locked. There rarely is one: the descriptors of processes are searched only if
// the kernel lists a lock of another file of the same file system.
func (l locked) holdersBeside(made *file.File, inode uint64) []holder {
	others := beside(inode, l.listed("/proc/locks"))
	if len(others) == 0 {
		return nil
	}

	pids := pidsOf(others)
	if l.kind == ofd {
		pids = processes()
	}
	return l.among(pids, linkOf(made.Fd())+" (deleted)")
}

// among returns the processes that hold the lock, of those that may.
func (l locked) among(pids []int, link string) []holder {
	var found []holder
	deadline := time.Now().Add(searchTime)
	for _, pid := range pids {
		if time.Now().After(deadline) {
			break
		}
		if l.isHeldBy(pid, link) {
			found = append(found, describe(pid))
		}
	}
	return found
}

// processes returns all processes: a lock of a file description may be held by any.
func processes() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// The kernel's names of the two kinds of locks.
const (
	flock = "FLOCK"
	ofd   = "OFDLCK"
)

// listedLock is a lock in a file of /proc.
type listedLock struct {
	pid    int    // the process that took it; -1 for a lock of a file description
	device string // of the file system, which need not be what stat(2) says
	inode  string // of the file
}

// beside returns the locks of other files in the file system of a file that this process has
// locked, whose inode is given; all locks if that lock is not listed.
func beside(inode uint64, locks []listedLock) (others []listedLock) {
	own, devices := strconv.FormatUint(inode, 10), map[string]bool{}
	for _, l := range locks {
		if l.inode == own && (l.pid == -1 || l.pid == os.Getpid()) {
			devices[l.device] = true // several if another file system has the number, too
		}
	}

	for _, l := range locks {
		if len(devices) == 0 || devices[l.device] && l.inode != own {
			others = append(others, l)
		}
	}
	return others
}

func pidsOf(locks []listedLock) (pids []int) {
	for _, l := range locks {
		pids = append(pids, l.pid)
	}
	return pids
}

// listed returns the locks of this kind in a file of /proc.
func (l locked) listed(path string) (locks []listedLock) {
	text, err := file.ReadAllProc(path)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if lock, matches := l.parse(line); matches {
			locks = append(locks, lock)
		}
	}
	return locks
}

// parse reads a line such as "lock: 1: FLOCK ADVISORY WRITE 4711 00:2f:88 0 EOF".
func (l locked) parse(line string) (lock listedLock, matches bool) {
	words := strings.Fields(strings.TrimPrefix(line, "lock:"))
	if len(words) != 8 || words[1] != l.kind {
		return listedLock{}, false
	}
	pid, err := strconv.Atoi(words[4])
	place := strings.LastIndexByte(words[5], ':')
	if err != nil || place < 0 {
		return listedLock{}, false
	}
	return listedLock{pid, words[5][:place], words[5][place+1:]}, l.covers(words[6], words[7])
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
