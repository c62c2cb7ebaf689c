package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// variant is a side of a case: its name, and whether it uses the baseline's library in place of
// this build's.
type variant struct {
	name     string
	baseline bool
}

func (v variant) String() string {
	if v.baseline {
		return v.name + ", baseline"
	}
	return v.name
}

// variants returns the sides of a case. With a baseline these are the sides that use libcni.so,
// each followed by its twin on the baseline; peers and floor are left out, so that the two builds
// are measured close to each other.
func (b *bench) variants(names []string) (all []variant) {
	if b.baseline != "" {
		return twins(names)
	}
	for _, name := range names {
		all = append(all, variant{name: name})
	}
	return all
}

// order returns the sides in the order of one run: another one begins each time. Twins stay next to
// each other and swap places from run to run, so that each build follows the other equally often.
func (b *bench) order(sides []*side, run int) []*side {
	if b.baseline == "" {
		return rotated(sides, run)
	}
	sides = rotated(sides, run&^1)
	if run%2 == 1 {
		for i := 1; i < len(sides); i += 2 {
			sides[i-1], sides[i] = sides[i], sides[i-1]
		}
	}
	return sides
}

func twins(names []string) (all []variant) {
	for _, name := range names {
		switch name {
		case libcni, isolated, cold:
			all = append(all, variant{name: name}, variant{name: name, baseline: true})
		}
	}
	return all
}

// addBaseline makes a directory for each build with a copy of its library and programs that are
// linked with it. Both are made in the same way, since how a file was written decides how the
// kernel keeps it in memory, and with that how long it takes to load.
func (b *bench) addBaseline(library string) error {
	b.libraries = filepath.Join(b.build, "bench", "new")
	b.baseline = filepath.Join(b.build, "bench", "old")
	if err := copyBuild(filepath.Join(b.build, "libcni.so"), b.libraries); err != nil {
		return err
	}
	return copyBuild(library, b.baseline)
}

// copyBuild copies a library into a directory and compiles the programs for it.
func copyBuild(library, to string) error {
	content, err := os.ReadFile(library)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(to, "bench"), 0o755); err != nil {
		return err
	}
	const soname = "libcni.so.0"
	if err := os.WriteFile(filepath.Join(to, soname), content, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(soname, filepath.Join(to, "libcni.so")); err != nil {
		return err
	}
	return compileClients(to)
}

// reportRatios adds a row for each side and method of a case whose twin used the baseline.
func (b *bench) reportRatios(name string, sides []*side, methods []string) {
	for _, method := range methods {
		for i := 1; i < len(sides); i++ {
			if now, old := sides[i-1], sides[i]; old.baseline {
				b.report.compare(name, now.name, method, old.turns[method], now.turns[method])
			}
		}
	}
}

// compareStarts times the start and end of a program that is linked with each build, and the first
// call of a process. The two builds take turns, process by process.
func compareStarts(b *bench) error {
	const networks = `{"network":{"cniVersion":"1.1.0","name":"first","plugins":[{"type":"loopback"}]}}`
	old, now := [2][][]time.Duration{}, [2][][]time.Duration{}
	for turn := range 1 + b.count(400, 40) {
		for i := range 2 {
			directory, times := b.libraries, &now
			if (i+turn)%2 == 1 {
				directory, times = b.baseline, &old
			}
			started, err := timed(exec.Command(program(directory, "empty")))
			if err != nil {
				return err
			}
			called, err := firstCall(directory, "validate", networks)
			if err != nil {
				return err
			}
			if turn > 0 { // the first is not counted
				times[0] = append(times[0], []time.Duration{started})
				times[1] = append(times[1], []time.Duration{called})
			}
		}
	}
	for i, row := range []struct{ side, method string }{
		{linkedProgram, "start"}, {linkedProgram, "first call"},
	} {
		b.report.compare(loadCase, row.side, row.method, old[i], now[i])
	}
	return nil
}

// firstCall starts a process that makes one call right away, and returns how long that call took.
// It includes what is left of the start of Go's runtime.
func firstCall(build, method, request string) (time.Duration, error) {
	p, err := start(exec.Command(program(build, "first"), method, request))
	if err != nil {
		return 0, err
	}
	defer p.end()
	return p.answer(method)
}
