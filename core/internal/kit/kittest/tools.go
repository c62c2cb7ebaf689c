package kittest

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Golden compares text with testdata/name of the package under test. The flag -update writes the
// file instead. Where a list of elements is broken into lines depends on the version of nft.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		Must(t, os.MkdirAll("testdata", 0o755))
		Must(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	Must(t, err)
	Same(t, path, breaks.ReplaceAllString(string(want), ", "), breaks.ReplaceAllString(got, ", "))
}

var breaks = regexp.MustCompile(`,\s+`)

// Run runs a program in the test's namespace and returns what it prints. The program must succeed.
func Run(t testing.TB, name string, arguments ...string) string {
	t.Helper()
	return Feed(t, "", name, arguments...)
}

// Feed is Run with text on standard input.
func Feed(t testing.TB, stdin, name string, arguments ...string) string {
	t.Helper()
	cmd := exec.Command(name, arguments...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, arguments, err, stderr.String())
	}
	return string(out)
}

// Ruleset is the whole rule set as nft prints it, without counts.
func Ruleset(t testing.TB) string { t.Helper(); return Run(t, "nft", "-s", "list", "ruleset") }

// Table is libcni's table of a family as nft prints it, without counts, or "" without one.
func Table(t testing.TB, family string) string {
	t.Helper()
	if !strings.Contains(Run(t, "nft", "list", "tables", family), "table "+family+" libcni\n") {
		return ""
	}
	return Run(t, "nft", "-s", "-y", "list", "table", family, "libcni")
}

// Reload saves the rule set and loads it, as an administrator does; it must stay the same.
func Reload(t testing.TB) {
	t.Helper()
	before := Ruleset(t)
	Feed(t, "flush ruleset\n"+before, "nft", "-f", "-")
	Same(t, "the rule set after saving and loading", before, Ruleset(t))
}

// Saved is what a program such as iptables-save prints, without counts and times.
func Saved(t testing.TB, program string) string {
	t.Helper()
	text := regexp.MustCompile(`\[\d+:\d+\]`).ReplaceAllString(Run(t, program), "[0:0]")
	return regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
}
