package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// endurance attaches and detaches repeatedly and records what the process holds. It runs twice:
// with the library as it is, and with one whose runtime lists its goroutines, which cannot be
// counted from outside.
func endurance(b *bench) error {
	calls := b.count(10000, 200)
	b.report.figure(callsFigure, "", float64(calls))
	sides := []variant{{name: libcni}, {name: listing}}
	if b.baseline != "" {
		sides = twins([]string{libcni})
	}
	for i, v := range sides {
		if err := b.endure(v, 60+i, calls); err != nil {
			return fmt.Errorf("%s: %w", v, err)
		}
	}
	return nil
}

func (b *bench) endure(v variant, number, calls int) error {
	s, err := b.newSide(v, side{chain: "full", number: number, dir: b.dir})
	if err != nil {
		return err
	}
	const containers = 10
	if err := s.prepare(containers); err != nil {
		return err
	}
	for n := 2 * containers; n <= calls; n += 2 * containers {
		if err := s.callAll("add", containers); err != nil {
			return err
		}
		if n == calls {
			if err := s.connects(0, containers); err != nil {
				return err
			}
		}
		if err := s.callAll("del", containers); err != nil {
			return err
		}
		for after, calls := range map[string]int{aTenth: calls / 10, all: calls} {
			if n == calls {
				if err := b.look(s, after); err != nil {
					return err
				}
			}
		}
	}
	return s.end()
}

func (s *side) callAll(method string, containers int) error {
	for i := range containers {
		if _, err := s.make(method, warming+i); err != nil {
			return err
		}
	}
	return nil
}

// look records what the process holds once the kernel has finished the work that its threads wait
// for.
func (b *bench) look(s *side, after string) error {
	if err := quiet(); err != nil {
		return err
	}
	if s.goroutines != nil {
		<-s.goroutines // of a list that may have been begun before
		b.report.figure("goroutines after "+after, "", float64(<-s.goroutines))
		return nil
	}
	if s.baseline {
		after += ", baseline"
	}
	h := holds(s.process.command.Process.Pid)
	b.report.figure("RSS after "+after, "MB", h.rss)
	b.report.figure("descriptors after "+after, "", h.descriptors)
	b.report.figure("threads after "+after, "", h.threads)
	return nil
}

type held struct{ rss, descriptors, threads float64 }

func holds(pid int) (h held) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f", &kb); err == nil {
			h.rss = kb * 1024 / 1e6
		}
		_, _ = fmt.Sscanf(line, "Threads: %f", &h.threads)
	}
	descriptors, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	h.descriptors = float64(len(descriptors))
	return h
}

// lists runs a side's program with the library that lists its goroutines, and reads the lists.
func (s *side) lists(command *exec.Cmd, b *bench) error {
	command.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(b.build, "bench", "listing"))
	printed, err := command.StderrPipe()
	if err != nil {
		return err
	}
	s.goroutines = make(chan int)
	go countGoroutines(printed, s.goroutines)
	return nil
}

// countGoroutines sends the number of live goroutines after each list, if a receiver waits for it.
// Goroutines with status 6 or 11 are dead and kept for reuse.
func countGoroutines(lists io.Reader, to chan<- int) {
	defer close(to)
	live := 0
	for lines := bufio.NewScanner(lists); lines.Scan(); {
		var number, status int
		switch n, _ := fmt.Sscanf(lines.Text(), "  G%d: status=%d", &number, &status); {
		case n == 2 && status != 6 && status != 11:
			live++
		case strings.HasPrefix(lines.Text(), "SCHED "):
			select {
			case to <- live:
			default:
			}
			live = 0
		}
	}
}
