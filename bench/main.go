// Command bench measures what users wait for: attaching and detaching containers with libcni.so,
// called by C programs, beside Go's libcni with the reference executables, cnitool, netavark, and a
// floor that sends the minimum of requests to the kernel. All sides take turns in one run, on
// networks of their own in one private network namespace. "make bench" runs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// init keeps other goroutines off the first thread. That thread does not end with a goroutine and
// would stay in the namespace that the goroutine entered.
func init() { runtime.LockOSThread() }

func main() {
	quick := flag.Bool("quick", false, "fewer containers: under a minute")
	only := flag.String("only", "", "run the cases whose name holds this")
	baseline := flag.String("baseline", "", "compare with this libcni.so in place of the peers")
	results := flag.String("document", "", "only write the figures of this file into the documents")
	flag.Parse()
	act := func() error { return run(*quick, *only, *baseline) }
	if *results != "" {
		act = func() error { return document(*results, ".") }
	}
	if err := act(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	quick        bool
	build, peers string
	libraries    string   // directory of the library under test and the programs linked with it
	baseline     string   // the same of the baseline; empty: no baseline
	dir          string   // state and namespaces, in memory
	links        []string // that were there before
	floors       int      // how many floors were started
	report       report
}

func run(quick bool, only, baseline string) error {
	library, peers := os.Getenv("CNI_LIBRARY"), os.Getenv("CNI_PEERS")
	if library == "" || peers == "" {
		return fmt.Errorf("CNI_LIBRARY and CNI_PEERS are not set; run \"make bench\"")
	}
	b := &bench{
		quick: quick, build: filepath.Dir(library), peers: peers, libraries: filepath.Dir(library),
		dir: "/run/bench",
	}
	if err := b.prepare(); err != nil {
		return err
	}
	if baseline != "" {
		if err := b.addBaseline(baseline); err != nil {
			return err
		}
	}
	b.report.Machine = machine(b.build)
	b.report.Quick = quick
	err := b.measure(only)
	if err != nil {
		b.report.Failure = err.Error() // with what was measured before it
	}
	b.report.Machine["load as it ended"] = loadAverages()
	if b.baseline == "" {
		b.report.evaluate()
	}
	b.report.print(os.Stdout)
	return errors.Join(err, b.report.write(b.build))
}

// measure runs the cases. It stops at the first case that fails or leaves something behind.
func (b *bench) measure(only string) error {
	for _, c := range cases() {
		if !strings.Contains(c.name, only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s … ", c.name)
		begin := time.Now()
		err := c.run(b)
		if err == nil {
			err = b.clean()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr)
			return fmt.Errorf("%s: %w", c.name, err)
		}
		took := time.Since(begin).Seconds()
		b.report.Cases = append(b.report.Cases, caseTime{c.name, took})
		fmt.Fprintf(os.Stderr, "%.1f s\n", took)
	}
	return nil
}

// cnitoolCache is the directory of cnitool's cache, which cannot be chosen.
const cnitoolCache = "/var/lib/cni"

// prepare compiles the programs and gives cnitool an empty cache.
func (b *bench) prepare() error {
	if err := compile(b.build); err != nil {
		return err
	}
	if err := os.MkdirAll(cnitoolCache, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", cnitoolCache, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w; run \"make bench\"", cnitoolCache, err)
	}
	var err error
	if b.links, err = linkNames(); err != nil {
		return err
	}
	if err := forward(); err != nil {
		return err
	}
	return os.MkdirAll(b.dir, 0o755) // test/isolate mounts a tmpfs at /run
}

// count returns the number of containers of a case in a full or in a quick run.
func (b *bench) count(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}
