// Package host tests libcni inside C processes: one host program for each hazard of a Go runtime in
// a C process. The table rows holds the effects that the library must not have; docs/embedding.md
// documents them.
package host

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

const root = "../.."

// patience ends a host that hangs.
const patience = 2 * time.Minute

func TestHosts(t *testing.T) {
	for _, row := range rows {
		t.Run(row.program, func(t *testing.T) {
			under := rig.Library(t)
			if row.program == "panics" {
				under = buildWithDefects(t)
			}
			folder := newFolder(t)
			if row.program == "two_runtimes" {
				buildOther(t, folder)
			}
			env := []string{"REPORT=" + filepath.Join(folder, "report")}
			if row.program == "go_environment" {
				env = append(env, goSettings...)
			}
			row.run(t, compile(t, row.program), env, under, folder)
		})
	}
}

// goSettings would have a Go program print each time it collects garbage, which is never, but for a
// limit of 1 MiB.
var goSettings = []string{
	"GODEBUG=gctrace=1,schedtrace=100,asyncpreemptoff=0", "GOGC=off", "GOMEMLIMIT=1MiB",
	"GOTRACEBACK=crash", "GOMAXPROCS=64",
}

func TestHostsWithSanitizers(t *testing.T) {
	for name, flags := range map[string][]string{
		"address":   {"-fsanitize=address,undefined", "-fno-sanitize-recover=all"},
		"thread":    {"-fsanitize=thread"},
		"undefined": {"-fsanitize=undefined", "-fno-sanitize-recover=all"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, row := range rows {
				if row.program != "threads" {
					continue
				}
				folder := newFolder(t)
				row.run(t, compile(t, row.program, flags...),
					[]string{"REPORT=" + filepath.Join(folder, "report")}, rig.Library(t), folder)
			}
		})
	}
}

// TestPrivilegedHostReadsNoEnvironment belongs to row 13.
func TestPrivilegedHostReadsNoEnvironment(t *testing.T) {
	const nogroup = 65534
	privileged := row{program: "privileged", kept: []string{"the_environment_is_not_read"}}
	program := compile(t, privileged.program)
	if err := os.Chown(program, -1, nogroup); err != nil {
		t.Skipf("%v: only root can make a program set-group-id of a group that is not its own", err)
	}
	if err := os.Chmod(program, 0o755|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	privileged.run(t, program, []string{"MARK=untrusted"}, rig.Library(t), newFolder(t))
}

// run runs a host and makes each test it reports a subtest.
func (r row) run(t *testing.T, program string, env []string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), env...)
	out, err := command.CombinedOutput()
	var reported []string
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		verdict, name, ok := strings.Cut(lines.Text(), "ok ")
		if !ok || verdict != "" && verdict != "not " {
			t.Logf("%s", lines.Text())
			continue
		}
		name, why, _ := strings.Cut(name, ": ")
		reported = append(reported, name)
		t.Run(name, func(t *testing.T) {
			if verdict != "" {
				t.Error(why)
			}
		})
	}
	if err != nil {
		t.Errorf("%s: %v\n%.4000s", r.program, err, out)
	}
	want := append(append([]string(nil), r.kept...), r.changed...)
	sort.Strings(want)
	sort.Strings(reported)
	if diff := cmp.Diff(want, reported); diff != "" {
		t.Errorf("what %s must show (-want +got):\n%s", r.program, diff)
	}
}

// newFolder makes the directory that hosts work in.
func newFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"bin", "net.d"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const network = `{"cniVersion":"1.1.0","name":"one","plugins":[{"type":"loopback"}]}`
	if err := os.WriteFile(filepath.Join(folder, "net.d", "one.conflist"), []byte(network),
		0o644); err != nil {
		t.Fatal(err)
	}
	rig.Run(t, "cc", "-std=gnu99", "-Wall", "-Wextra", "-Werror", "-O1", "-o",
		filepath.Join(folder, "bin", "reporter"), "programs/reporter.c")
	return folder
}

// compile makes a program of a host and returns its path.
func compile(t *testing.T, name string, flags ...string) string {
	t.Helper()
	flags = append([]string{"-g", "-pthread", "-ldl"}, flags...)
	return rig.Compile(t, "programs/"+name+".c", flags...)
}
