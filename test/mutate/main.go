// Command mutate shows that the tests notice when something is taken out: go run ./test/mutate
// [WORD ...].
//
// It makes each change of places.go, or those whose name or place holds a WORD, one at a time in
// a copy of the tree below build/mutate, and runs the tests that should fail then. It lists the
// changes that no test notices; there should be none. A change whose function or statement is gone
// (STALE), that does not compile (NO BUILD), or whose tests fail without it (UNPROVEN) is an error
// too. "make mutate" runs it; the tests of this package hold that no change is stale.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// verdict says what became of a change.
type verdict string

const (
	noticed  verdict = "noticed"
	survived verdict = "SURVIVED"
	stale    verdict = "STALE"
	noBuild  verdict = "NO BUILD"
	unproven verdict = "UNPROVEN"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(words []string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	all, err := mutations(root)
	if err != nil {
		return err
	}
	w, err := newWorkshop(root)
	if err != nil {
		return err
	}
	chosen, others := 0, []string(nil)
	for _, m := range all {
		if !m.isChosen(words) {
			continue
		}
		chosen++
		started := time.Now()
		v, err := w.try(m)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%-10s %s", v, m)
		fmt.Printf("%s (%.0f s)\n", line, time.Since(started).Seconds())
		if v != noticed {
			others = append(others, line)
		}
	}
	fmt.Printf("%d of %d changes noticed\n", chosen-len(others), chosen)
	if len(others) > 0 {
		return fmt.Errorf("not noticed:\n%s", strings.Join(others, "\n"))
	}
	return nil
}

// workshop is a copy of the tree in which changes are made.
type workshop struct {
	root, tree string
	sound      map[string]bool // tests that pass without a change
}

func newWorkshop(root string) (*workshop, error) {
	w := &workshop{
		root: root, tree: filepath.Join(root, "build", "mutate", "tree"), sound: map[string]bool{},
	}
	if err := os.RemoveAll(w.tree); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(w.tree, 0o755); err != nil {
		return nil, err
	}
	// Some tests ask git which files there are.
	script := `git ls-files -z | tar -c --null -T - | tar -x -C "$1"; cd "$1"; git init -q; git add -A`
	command := exec.Command("sh", "-ec", script, "sh", w.tree)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy the tree: %w: %s", err, out)
	}
	return w, nil
}

// try makes a change, runs its tests and takes the change back.
func (w *workshop) try(m mutation) (verdict, error) {
	for _, tests := range m.tests {
		if !w.isSound(tests) {
			return unproven, nil
		}
	}
	path, text, err := m.place.change(w.tree)
	if err != nil {
		fmt.Println(err)
		return stale, nil
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return "", err
	}
	v := w.judged(m, path)
	return v, os.WriteFile(path, before, 0o644)
}

func (w *workshop) judged(m mutation, path string) verdict {
	if strings.HasSuffix(path, ".go") {
		if out, err := w.run("go", "vet", tags, filepath.Dir(path)); err != nil {
			fmt.Print(out)
			return noBuild
		}
	}
	for _, tests := range m.tests {
		if !w.passes(tests) {
			return noticed
		}
	}
	return survived
}

// isSound reports whether tests pass without a change, at the second attempt if the machine was too
// busy at the first. Tests that fail prove nothing.
func (w *workshop) isSound(tests string) bool {
	sound, known := w.sound[tests]
	if !known {
		for attempt := 0; attempt < 2 && !sound; attempt++ {
			sound = w.passes(tests)
		}
		w.sound[tests] = sound
	}
	return sound
}

const tags = "-tags=netgo,osusergo"

// needLibrary are the packages whose tests load the library of the tree.
var needLibrary = map[string]bool{
	"./test/abi": true, "./test/host": true, "./test/faults": true, "./test/cli": true,
	"./test/chain": true, "./test/saved": true,
}

// passes runs tests: PACKAGE, or PACKAGE:EXPRESSION for some of them.
func (w *workshop) passes(tests string) bool {
	directory, only, _ := strings.Cut(tests, ":")
	if needLibrary[directory] {
		if _, err := w.run("make", "-s", "all"); err != nil {
			return false
		}
	}
	args := []string{"test", "-count=1", "-failfast", "-timeout=300s", tags, "-run=" + only}
	if directory != "./test/structure" {
		args = append(args, "-exec="+filepath.Join(w.tree, "test", "isolate"))
	}
	out, err := w.run("go", append(args, directory)...)
	_ = os.WriteFile(filepath.Join(filepath.Dir(w.tree), "last.log"), []byte(out), 0o644)
	return err == nil && !strings.Contains(out, "no tests to run")
}

func (w *workshop) run(name string, args ...string) (string, error) {
	command := exec.Command(name, args...)
	command.Dir = w.tree
	build := filepath.Join(w.tree, "build")
	command.Env = append(os.Environ(), "CNI_LIBRARY="+build+"/libcni.so",
		"CNI_COMMAND_PATH="+build+"/cni",
		"CNI_PEERS="+filepath.Join(w.root, "build", "peers"), "MAKEFLAGS=", "MAKELEVEL=")
	out, err := command.CombinedOutput()
	return string(out), err
}
