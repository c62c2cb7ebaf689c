package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// side is one of what is compared: a process that makes the calls and times each of them, and a network of its own.
type side struct {
	name, dir, bridge, subnet string
	plugins                   string // directory of executables
	builtins                  bool

	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	times   map[string][]time.Duration
}

// compile builds the C program that calls libcni.so.
func compile(build string) (string, error) {
	program := filepath.Join(build, "bench-driver")
	out, err := exec.Command("cc", "-O2", "-Iinclude", "-o", program, "test/conformance/testdata/driver.c",
		"-L"+build, "-lcni", "-Wl,-rpath,"+build).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("compile the driver: %w\n%s", err, out)
	}
	return program, nil
}

func (s *side) begin(program string) error {
	s.times = map[string][]time.Duration{}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	s.command = exec.Command(program)
	s.command.Stderr = os.Stderr
	var err error
	if s.stdin, err = s.command.StdinPipe(); err != nil {
		return err
	}
	out, err := s.command.StdoutPipe()
	if err != nil {
		return err
	}
	s.stdout = bufio.NewReader(out)
	return s.command.Start()
}

func (s *side) end() {
	s.stdin.Close()
	s.command.Wait()
}

func (s *side) request(container int) ([]byte, error) {
	options := map[string]any{"cacheDir": s.dir + "/cache", "pluginDirs": []string{s.plugins}}
	if s.builtins {
		options = map[string]any{"cacheDir": s.dir + "/cache", "stateDir": s.dir + "/state", "builtins": "only"}
	}
	return json.Marshal(map[string]any{
		"containerId": fmt.Sprint("c", container), "ifName": "eth0", "netns": s.netns(container), "options": options,
		"network": map[string]any{"cniVersion": "1.1.0", "name": "bench", "plugins": []any{map[string]any{
			"type": "bridge", "bridge": s.bridge, "isGateway": true,
			"ipam": map[string]any{"type": "host-local", "dataDir": s.dir + "/leases", "ranges": []any{[]any{map[string]any{"subnet": s.subnet + ".0.0/16"}}}},
		}}},
	})
}

// call makes a call and keeps the time the driver measured.
func (s *side) call(method string, container int, counts bool) error {
	request, err := s.request(container)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.stdin, "%s %s\n", method, request); err != nil {
		return err
	}
	line, err := s.stdout.ReadString('\n')
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	var rc int
	var took time.Duration
	if _, err := fmt.Sscanf(line, "%d %d", &rc, &took); err != nil || rc != 0 {
		return fmt.Errorf("%s: %s c%d: %s", s.name, method, container, line)
	}
	if counts {
		s.times[method] = append(s.times[method], took)
	}
	return nil
}

func (s *side) netns(container int) string { return fmt.Sprintf("%s/netns%d", s.dir, container) }

func (s *side) makeContainer(container int) error {
	path := s.netns(container)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	})
}

// onThread runs fn on a thread that ends with it.
func onThread(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- fn()
	}()
	return <-done
}

// reaches shows that a container reaches the gateway.
func (s *side) reaches(container int) error {
	listener, err := net.Listen("tcp", s.subnet+".0.1:0")
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	defer listener.Close()
	return onThread(func() error {
		fd, err := unix.Open(s.netns(container), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return err
		}
		conn, err := net.DialTimeout("tcp", listener.Addr().String(), 5*time.Second)
		if err != nil {
			return fmt.Errorf("%s: from c%d to the gateway: %w", s.name, container, err)
		}
		return conn.Close()
	})
}

// clean shows that nothing is left, and removes the namespaces.
func (s *side) clean(containers int) error {
	links, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, link := range links {
		if strings.HasPrefix(link.Name, "veth") {
			return fmt.Errorf("%s is left", link.Name)
		}
	}
	for _, pattern := range []string{"/leases/bench/10.*", "/cache/results/*", "/state/intents/*"} {
		if left, err := filepath.Glob(s.dir + pattern); err != nil || len(left) > 0 {
			return fmt.Errorf("%s: %v left, %v", s.name, left, err)
		}
	}
	for i := range containers + 1 {
		if err := unix.Unmount(s.netns(i), unix.MNT_DETACH); err != nil {
			return err
		}
	}
	return nil
}
