package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core"
)

// The spawner by itself is tested in test/spawn; here it is the engine's.

const throughIntermediate = 1 // LIBCNI_SPAWN_INTERMEDIATE; a test file cannot import "C"

func starters() map[string]core.Starter {
	return map[string]core.Starter{
		"as this kernel has it": startProcess,
		"through an intermediate": func(spec core.ProcessSpec) (core.StartedProcess, error) {
			return startProcessWith(spec, throughIntermediate)
		},
	}
}

func TestEngineLearnsHowAPluginEnded(t *testing.T) {
	const versions = `echo '{"cniVersion":"1.1.0","supportedVersions":["1.0.0"]}'; `
	tests := []struct {
		name, commands string
		rc             int
		says           string
	}{
		{"succeeds", versions + "exit 0", 0, `"supportedVersions":["1.0.0"]`},
		{"fails", versions + "exit 3", 999, "exit status 3"},
		{"crashes", versions + "kill -SEGV $$", 999, "killed by SIGSEGV"},
		{"fails with an error", `echo '{"code":123,"msg":"no"}'; exit 1`, 123, `"msg":"no"`},
	}
	for starter, start := range starters() {
		for _, test := range tests {
			for _, host := range []string{"kind", "reaping"} {
				t.Run(starter+", "+host+" host, "+test.name, func(t *testing.T) {
					if host == "reaping" {
						defer reapEverything()()
					}
					rc, response := pluginInfo(t, start, test.commands)
					if rc != test.rc || !strings.Contains(response, test.says) {
						t.Errorf("%d %s; want %d that says %s", rc, response, test.rc, test.says)
					}
				})
			}
		}
	}
}

func pluginInfo(t *testing.T, start core.Starter, commands string) (int, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fake"), []byte("#!/bin/sh\n"+commands+"\n"),
		0o755); err != nil {
		t.Fatal(err)
	}
	request, err := json.Marshal(map[string]any{"type": "fake", "options": map[string]any{
		"pluginDirs": []string{dir}, "cacheDir": t.TempDir(), "stateDir": t.TempDir(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	engine := core.New(core.Options{Start: start})
	rc, response := engine.Call(t.Context(), core.Caller{Environ: os.Environ()}, "plugin.info",
		request)
	return rc, string(response)
}

// reapEverything takes the exit statuses of all children, as some hosts do, until the function it
// returns is called.
func reapEverything() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil {
				time.Sleep(50 * time.Microsecond) // nothing to steal yet
			}
		}
	}()
	return func() { cancel(); <-done }
}

func TestStartProcessKeepsTheCallersNamespace(t *testing.T) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Fatalf("unshare: %v (run this test under test/isolate)", err)
	}
	want, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for name, start := range starters() {
		got := output(t, start, "readlink /proc/self/ns/net")
		if diff := cmp.Diff(want+"\n", got); diff != "" {
			t.Errorf("%s: namespace (-want +got):\n%s", name, diff)
		}
	}
}

// output starts a shell and returns what it writes.
func output(t *testing.T, start core.Starter, commands string) string {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	started, err := start(core.ProcessSpec{
		Path: "/bin/sh", Args: []string{"sh", "-c", commands}, Env: []string{"PATH=/usr/bin:/bin"},
		Stdin: null, Stdout: writer, Stderr: writer,
	})
	writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer started.Pidfd.Close()
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if started.Status != nil {
		defer started.Status.Close()
		if _, err := syscall.Wait4(started.Intermediate, nil, syscall.WALL, nil); err != nil {
			t.Errorf("intermediate: %v", err)
		}
	} else if _, err := syscall.Wait4(started.PID, nil, 0, nil); err != nil {
		t.Errorf("process: %v", err)
	}
	return string(text)
}

func TestStartProcessRefusesNUL(t *testing.T) {
	for _, spec := range []core.ProcessSpec{
		{Path: "/bin/tr\x00ue"}, {Path: "/bin/true", Args: []string{"a\x00"}},
		{Path: "/bin/true", Env: []string{"A=\x00"}},
	} {
		if _, err := startProcess(spec); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%+v: %v", spec, err)
		}
	}
}
