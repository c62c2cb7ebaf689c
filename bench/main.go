// Command bench measures what users wait for: attaching and detaching containers with libcni.so, called by a C program,
// and with Go's libcni and the reference executables, in turns in one run. "make bench" runs it, in a network namespace
// of its own.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// init keeps other goroutines off the first thread, which would not end with one and stay in the namespace it was taken to.
func init() { runtime.LockOSThread() }

func main() {
	containers := flag.Int("containers", 200, "how many containers each side attaches")
	flag.Parse()
	if err := run(*containers); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(containers int) error {
	library, peers := os.Getenv("CNI_LIBRARY"), os.Getenv("CNI_PEERS")
	if library == "" || peers == "" {
		return fmt.Errorf("CNI_LIBRARY and CNI_PEERS are not set; run \"make bench\"")
	}
	build := filepath.Dir(library)
	program, err := compile(build)
	if err != nil {
		return err
	}
	fmt.Printf("bridge + host-local, %d containers on a network, warm, milliseconds\n\n", containers)
	// test/isolate mounts a tmpfs at /run.
	for _, place := range []struct{ name, parent string }{{"state in memory", "/run"}, {"state on disk", build}} {
		if err := measureAt(place.name, place.parent, containers, program, peers); err != nil {
			return fmt.Errorf("%s: %w", place.name, err)
		}
	}
	return nil
}

func measureAt(name, parent string, containers int, program, peers string) error {
	dir, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours := &side{name: "libcni.so", dir: filepath.Join(dir, "ours"), bridge: "bench-a", subnet: "10.90", builtins: true}
	reference := &side{name: "Go's libcni, executables", dir: filepath.Join(dir, "reference"), bridge: "bench-b", subnet: "10.91", plugins: peers}
	sides := []*side{ours, reference}
	for s, path := range map[*side]string{ours: program, reference: filepath.Join(peers, "golibcni")} {
		if err := s.begin(path); err != nil {
			return err
		}
		defer s.end()
	}
	if err := measure(sides, containers); err != nil {
		return err
	}
	table(name, ours, reference)
	return nil
}

// measure attaches all containers, then detaches them, each by both sides in turns. The first one of each side is for
// warming up and does not count.
func measure(sides []*side, containers int) error {
	for _, s := range sides {
		for i := range containers + 1 {
			if err := s.makeContainer(i); err != nil {
				return err
			}
		}
	}
	for _, method := range []string{"add", "del"} {
		for i := range containers + 1 {
			for _, s := range sides {
				if err := s.call(method, i, i > 0); err != nil {
					return err
				}
			}
		}
		if method == "add" {
			for _, s := range sides {
				if err := s.reaches(containers); err != nil {
					return err
				}
			}
		}
	}
	for _, s := range sides {
		if err := s.clean(containers); err != nil {
			return err
		}
	}
	return nil
}

func table(name string, ours, reference *side) {
	row := func(name string, a, b, c, d any) { fmt.Printf("%-26s%10v%10v%10v%10v\n", name, a, b, c, d) }
	row(name, "ADD p50", "p95", "DEL p50", "p95")
	for _, s := range []*side{ours, reference} {
		row(s.name, ms(s.quantile("add", 50)), ms(s.quantile("add", 95)), ms(s.quantile("del", 50)), ms(s.quantile("del", 95)))
	}
	ratio := func(method string, percent int) string {
		return fmt.Sprintf("%.1f", float64(reference.quantile(method, percent))/float64(ours.quantile(method, percent)))
	}
	row("times faster", ratio("add", 50), ratio("add", 95), ratio("del", 50), ratio("del", 95))
	fmt.Println()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

// quantile returns the time below which that many percent of the calls stayed.
func (s *side) quantile(method string, percent int) time.Duration {
	times := slices.SortedFunc(slices.Values(s.times[method]), cmp.Compare)
	return times[(len(times)-1)*percent/100]
}
