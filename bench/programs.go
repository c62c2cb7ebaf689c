package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// sources names the source of a program where it is not the program's own name.
var sources = map[string]string{"alone": "empty", "nothing": "empty"}

// compile builds the programs in C, and the library in Go that does nothing.
func compile(build string) error {
	nothing := program(build, "libnothing.so")
	if out, err := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", nothing,
		"./bench/programs/nothing").CombinedOutput(); err != nil {
		return fmt.Errorf("build bench/programs/nothing: %w\n%s", err, out)
	}
	if err := compileAll(build, map[string][]string{
		"alone": {"-DALONE"}, "floor": nil,
		"child":   {fmt.Sprintf("-DLIBRARY=%q", nothing), "-ldl"},
		"nothing": {"-DNOTHING", nothing},
	}); err != nil {
		return err
	}
	return compileClients(build)
}

// compileClients builds the programs that use libcni.so, which is in the same directory.
func compileClients(build string) error {
	library := []string{"-L" + build, "-lcni", "-Wl,-rpath," + build}
	return compileAll(build, map[string][]string{
		"driver": library, "once": library, "empty": library, "first": library,
		"isolated": {fmt.Sprintf("-DLIBRARY=%q", filepath.Join(build, "libcni.so")), "-ldl"},
	})
}

// compileAll builds programs, each with flags of its own.
func compileAll(build string, programs map[string][]string) error {
	for name, flags := range programs {
		source, other := sources[name]
		if !other {
			source = name
		}
		args := append([]string{
			"-O2", "-Iinclude", "-o", program(build, name), "bench/programs/" + source + ".c", "-pthread",
		}, flags...)
		if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("compile bench/programs/%s.c: %w\n%s", source, err, out)
		}
	}
	return nil
}

func program(build, name string) string { return filepath.Join(build, "bench", name) }

// process is a program that reads calls, makes them and measures each.
type process struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
}

func start(command *exec.Cmd) (*process, error) {
	p := &process{command: command}
	if command.Stderr == nil {
		command.Stderr = os.Stderr
	}
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdin, p.stdout = in, bufio.NewReader(out)
	return p, command.Start()
}

func (p *process) end() {
	p.stdin.Close()
	_ = p.command.Wait() // its exit status says nothing more than its answers
}

// call sends a line "METHOD REQUEST" and returns the time that the program measured.
func (p *process) call(line string) (time.Duration, error) {
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		return 0, err
	}
	return p.answer(line)
}

// begin starts calls by a number of threads. The answer is the time that all of them took.
func (p *process) begin(threads int, lines []string) error {
	_, err := fmt.Fprintf(p.stdin, "threads %d\n%s\nend\n", threads, strings.Join(lines, "\n"))
	return err
}

func (p *process) answer(to string) (time.Duration, error) {
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("%s: %w", to, err)
	}
	var rc int
	var took time.Duration
	if _, err := fmt.Sscanf(line, "%d %d", &rc, &took); err != nil || rc != 0 {
		return 0, fmt.Errorf("%s: %s", to, line)
	}
	return took, nil
}

// timed runs a command and returns the time from before the fork until it is reaped.
func timed(command *exec.Cmd) (time.Duration, error) {
	var out strings.Builder
	command.Stdout, command.Stderr = &out, &out
	begin := time.Now()
	err := command.Run()
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", command.Path, err, out.String())
	}
	return took, nil
}
