package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// endurance attaches and detaches over and over, and looks at what the host's process holds.
func endurance(b *bench) error {
	s, err := b.newSide(libcni, "full", b.dir, 60)
	if err != nil {
		return err
	}
	if err := s.makeContainers(20); err != nil {
		return err
	}
	calls := b.count(10000, 400)
	var early held
	for n := 0; n < calls; n += 2 * s.containers {
		for _, method := range []string{"add", "del"} {
			for i := range s.containers {
				if _, err := s.make(s, method, i); err != nil {
					return err
				}
			}
		}
		if n == calls/10/(2*s.containers)*2*s.containers {
			early = holds(s.process.command.Process.Pid)
		}
	}
	late := holds(s.process.command.Process.Pid)
	b.report.figure("ADD and DEL made by one process", "", float64(calls))
	b.report.figure("RSS after a tenth of them", "MB", early.rss)
	b.report.figure("RSS after all", "MB", late.rss)
	b.report.figure("descriptors after a tenth", "", early.descriptors)
	b.report.figure("descriptors after all", "", late.descriptors)
	b.report.figure("threads after a tenth", "", early.threads)
	b.report.figure("threads after all", "", late.threads)
	return s.end()
}

type held struct{ rss, descriptors, threads float64 }

func holds(pid int) (h held) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f", &kb); err == nil {
			h.rss = kb * 1024 / 1e6
		}
		fmt.Sscanf(line, "Threads: %f", &h.threads)
	}
	descriptors, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	h.descriptors = float64(len(descriptors))
	return h
}

// parallel has containers attached by several threads, and by several processes, of libcni and of the floor.
func parallel(b *bench) error {
	count := b.count(400, 40)
	for _, name := range []string{theFloor, libcni} {
		s, err := b.newSide(name, "bridge", b.dir, 60)
		if err != nil {
			return err
		}
		if err := s.makeContainers(count); err != nil {
			return err
		}
		if err := s.warm(); err != nil {
			return err
		}
		for _, threads := range []int{1, 2, 4, 8} {
			took, err := s.process.crowd(threads, s.lines("add", 0, count))
			if err != nil {
				return err
			}
			b.report.figure(fmt.Sprintf("%s: containers attached a second by %d threads", name, threads), "", float64(count)/took.Seconds())
			if err := s.connects(count - 1); err != nil {
				return err
			}
			if _, err := s.process.crowd(8, s.lines("del", 0, count)); err != nil {
				return err
			}
			if name == theFloor {
				time.Sleep(100 * time.Millisecond) // its DEL does not wait for the kernel's own work
			}
		}
		if err := s.processes(b, name, count); err != nil {
			return err
		}
		if err := s.end(); err != nil {
			return err
		}
	}
	return nil
}

// warm makes the first call of a process, which counts nowhere.
func (s *side) warm() error {
	for _, method := range []string{"add", "del"} {
		if _, err := s.make(s, method, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *side) lines(method string, from, to int) (lines []string) {
	for i := from; i < to; i++ {
		if s.name == theFloor {
			lines = append(lines, s.floorLine(method, i))
		} else {
			lines = append(lines, method+" "+s.ours(i))
		}
	}
	return lines
}

// processes has four processes attach a quarter of the containers each.
func (s *side) processes(b *bench, name string, count int) error {
	path := program(b.build, map[string]string{theFloor: "floor", libcni: "driver"}[name])
	var all []*process
	for i := range 4 {
		p, err := start(path)
		if err != nil {
			return err
		}
		defer p.end()
		for _, method := range []string{"add", "del"} { // warm
			if _, err := p.call(s.lines(method, i, i+1)[0]); err != nil {
				return err
			}
		}
		all = append(all, p)
	}
	begin := time.Now()
	for i, p := range all {
		if err := p.begin(1, s.lines("add", count*i/4, count*(i+1)/4)); err != nil {
			return err
		}
	}
	for _, p := range all {
		if _, err := p.answer("4 processes"); err != nil {
			return err
		}
	}
	b.report.figure(name+": containers attached a second by 4 processes", "", float64(count)/time.Since(begin).Seconds())
	_, err := s.process.crowd(8, s.lines("del", 0, count))
	return err
}

// attached measures ADD beside containers that are there already, 100 to a bridge; the measured ones go on a bridge of
// their own, by libcni and by the floor.
func attached(b *bench) error {
	crowd, err := b.newSide(libcni, "bridge", b.dir, 90)
	if err != nil {
		return err
	}
	full := b.count(1000, 100)
	if err := crowd.makeContainers(full); err != nil {
		return err
	}
	b.report.figure("containers attached at most", "", float64(full))
	for _, have := range []int{0, full / 4, full / 2, full} {
		if err := crowd.fill(have); err != nil {
			return err
		}
		name := fmt.Sprintf("%d attached", have)
		if err := b.compare(name, "bridge", b.dir, b.count(50, 10), []string{"add", "del"}, theFloor, libcni); err != nil {
			return err
		}
	}
	for i := range full {
		if _, err := crowd.process.call("del " + crowd.crowded(i)); err != nil {
			return err
		}
	}
	if err := removeLinks("crowd"); err != nil {
		return err
	}
	return crowd.end()
}

// fill attaches the crowd's containers up to a number.
func (s *side) fill(to int) error {
	for i := range to {
		if _, err := os.Stat(s.cached(i)); err == nil {
			continue
		}
		if _, err := s.process.call("add " + s.crowded(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *side) cached(i int) string {
	return fmt.Sprintf("%s/cache/results/crowd%d-%s-eth0", s.dir, i/100, s.container(i))
}

// crowded is the request for a container of the crowd, 100 of which share a network.
func (s *side) crowded(i int) string {
	return fmt.Sprintf(`{"containerId":%q,"netns":%q,"options":{"cacheDir":%q,"stateDir":%q,"builtins":"only"},"network":{"cniVersion":"1.1.0","name":"crowd%d","plugins":[{"type":"bridge","bridge":"crowd%d","isGateway":true,"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":"10.%d.%d.0/24"}]]}}]}}`,
		s.container(i), s.netns(i), s.dir+"/cache", s.dir+"/state", i/100, i/100, s.dir+"/leases", s.number, i/100)
}
