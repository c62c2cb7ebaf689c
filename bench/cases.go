package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// benchCase is one of what is measured.
type benchCase struct {
	name string
	run  func(*bench) error
}

// The names of the cases, which results are found by.
const (
	bridgeCase = "bridge + host-local"
	fullCase   = "full chain"
	coldCase   = "cold, full chain"
	dualCase   = "dual stack"
	batchCase  = "50 networks"
	onDisk     = ", state on disk"
)

func cases() []benchCase {
	return []benchCase{
		{bridgeCase, func(b *bench) error {
			return b.compare(bridgeCase, "bridge", b.dir, b.count(200, 12), []string{"add", "check", "del"}, theFloor, libcni, reference)
		}},
		{bridgeCase + onDisk, func(b *bench) error {
			return b.compare(bridgeCase+onDisk, "bridge", b.build, b.count(100, 5), []string{"add", "del"}, theFloor, libcni, reference)
		}},
		{fullCase, func(b *bench) error {
			return b.compare(fullCase, "full", b.dir, b.count(200, 5), []string{"add", "check", "del"}, libcni, reference, iptables, netavark)
		}},
		{fullCase + onDisk, func(b *bench) error {
			return b.compare(fullCase+onDisk, "full", b.build, b.count(25, 3), []string{"add", "del"}, libcni, reference)
		}},
		{coldCase, func(b *bench) error {
			return b.compare(coldCase, "full", b.dir, b.count(40, 5), []string{"add", "del"}, libcni, isolated, cold, cnitool)
		}},
		{dualCase, dual},
		{batchCase, manyNetworks},
		{"load", load},
		{"endurance", endurance},
		{"parallel", parallel},
		{"attached", attached},
	}
}

// runs is how many turns each side gets: a fifth of the containers in a row, so that calls are as warm as those of a
// host that has more than one container to attach, and all sides meet the same moments of the machine.
const runs = 5

// compare has containers attached and detached by each side in turns. The first one of each side is for warming up and
// does not count.
func (b *bench) compare(name, chain, parent string, count int, methods []string, names ...string) error {
	var sides []*side
	for i, side := range names {
		if side == netavark && !exists(netavarkPath) {
			b.report.NotMeasured = append(b.report.NotMeasured, name+": netavark is not installed")
			continue
		}
		s, err := b.newSide(side, chain, parent, 60+i)
		if err != nil {
			return err
		}
		sides = append(sides, s)
	}
	return b.takeTurns(name, sides, count, methods)
}

func (b *bench) takeTurns(name string, sides []*side, count int, methods []string) error {
	for _, s := range sides {
		if err := s.makeContainers(count + 1); err != nil {
			return err
		}
	}
	for _, method := range methods {
		times := map[*side][]time.Duration{}
		for run := range runs {
			for _, s := range sides {
				if method == "check" && (s.name == theFloor || s.name == netavark) {
					continue
				}
				for i := (count + 1) * run / runs; i < (count+1)*(run+1)/runs; i++ {
					took, err := s.make(s, method, i)
					if err != nil {
						return fmt.Errorf("%s: %w", s.name, err)
					}
					if i > 0 {
						times[s] = append(times[s], took)
					}
				}
			}
		}
		for _, s := range sides {
			b.report.add(name, s.name, method, times[s])
			if method == "add" {
				if err := s.connects(count); err != nil {
					return err
				}
			}
		}
	}
	for _, s := range sides {
		if err := s.end(); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func dual(b *bench) error {
	var sides []*side
	for i, name := range []string{libcni, reference} {
		s, err := b.newSide(name, "full", b.dir, 60+i)
		if err != nil {
			return err
		}
		s.dual = true
		sides = append(sides, s)
	}
	return b.takeTurns(dualCase, sides, b.count(25, 3), []string{"add", "del"})
}

// manyNetworks attaches containers to networks that are all different: each makes its bridge first.
func manyNetworks(b *bench) error {
	var sides []*side
	for i, name := range []string{libcni, reference} {
		s, err := b.newSide(name, "bridge", b.dir, 60+i)
		if err != nil {
			return err
		}
		if err := s.makeContainers(b.count(50, 5)); err != nil {
			return err
		}
		sides = append(sides, s)
	}
	for _, method := range []string{"add", "del"} {
		for _, s := range sides {
			var times []time.Duration
			for i := range s.containers {
				took, err := s.process.call(method + " " + s.onNetwork(i))
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				times = append(times, took)
				if method == "add" && i == s.containers-1 {
					if err := reachesOut(s.netns(i), fmt.Sprintf("10.%d.%d.1", s.number, i)); err != nil {
						return err
					}
				}
			}
			b.report.add(batchCase, s.name, method, times)
		}
	}
	for _, s := range sides {
		if err := errors.Join(removeLinks(fmt.Sprintf("b%d-", s.number)), s.end()); err != nil {
			return err
		}
	}
	return nil
}

// onNetwork is the request for container i on network i.
func (s *side) onNetwork(i int) string {
	options := map[string]any{"cacheDir": s.dir + "/cache", "stateDir": s.dir + "/state", "builtins": "only"}
	if s.name == reference {
		options = map[string]any{"cacheDir": s.dir + "/cache", "pluginDirs": []string{os.Getenv("CNI_PEERS")}}
	}
	text, _ := json.Marshal(map[string]any{
		"containerId": s.container(i), "ifName": "eth0", "netns": s.netns(i), "options": options,
		"network": map[string]any{"cniVersion": "1.1.0", "name": fmt.Sprint("net", i), "plugins": []any{map[string]any{
			"type": "bridge", "bridge": fmt.Sprintf("b%d-%d", s.number, i), "isGateway": true, "mtu": 1400 + i,
			"ipam": map[string]any{"type": "host-local", "dataDir": s.dir + "/leases",
				"ranges": []any{[]any{map[string]any{"subnet": fmt.Sprintf("10.%d.%d.0/24", s.number, i)}}}}}}},
	})
	return string(text)
}

// load measures the library's size and what a program needs to start with it, over one that needs only the C library.
func load(b *bench) error {
	library, err := filepath.EvalSymlinks(filepath.Join(b.build, "libcni.so"))
	if err != nil {
		return err
	}
	info, err := os.Stat(library)
	if err != nil {
		return err
	}
	b.report.figure("size of libcni.so", "MB", float64(info.Size())/1e6)
	var with, without []time.Duration
	for range b.count(100, 10) {
		a, err := timed(exec.Command(program(b.build, "empty")))
		if err != nil {
			return err
		}
		floor, err := timed(exec.Command("/bin/true"))
		if err != nil {
			return err
		}
		with, without = append(with, a), append(without, floor)
	}
	b.report.add("load", "a program linked with libcni.so", "start", with)
	b.report.add("load", "/bin/true", "start", without)
	return nil
}
