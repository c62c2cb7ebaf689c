package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The recorder's settings, which reach it through the environment of plugins.
const (
	recordTo   = "CONFORMANCE_RECORD_TO"
	recordReal = "CONFORMANCE_REAL_PLUGINS"
)

// invocation is what a plugin process was given.
type invocation struct {
	Plugin string            `json:"plugin"`
	Argv   []string          `json:"argv"`
	Env    map[string]string `json:"env"`
	Dir    string            `json:"dir"`
	Stdin  json.RawMessage   `json:"stdin"`
}

// record writes down what this process was given, and becomes the real plugin.
func record() {
	fail := func(err error) {
		fmt.Printf(`{"code":100,"msg":%q}`, "recorder: "+err.Error())
		os.Exit(1)
	}
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	name := filepath.Base(os.Args[0])
	given := invocation{Plugin: name, Argv: os.Args, Env: map[string]string{}, Stdin: stdin}
	for _, pair := range os.Environ() {
		key, value, _ := strings.Cut(pair, "=")
		given.Env[key] = value
	}
	if given.Dir, err = os.Getwd(); err != nil {
		fail(err)
	}
	if err := given.append(os.Getenv(recordTo)); err != nil {
		fail(err)
	}
	if err := refill(stdin); err != nil {
		fail(err)
	}
	program := filepath.Join(os.Getenv(recordReal), name)
	fail(syscall.Exec(program, os.Args, os.Environ()))
}

func (i *invocation) append(path string) error {
	line, err := json.Marshal(i)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	return err
}

// refill makes what was read from stdin readable there again.
func refill(data []byte) error {
	fd, err := unix.MemfdCreate("stdin", 0)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, data); err != nil {
		return err
	}
	if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
		return err
	}
	return unix.Dup3(fd, 0, 0)
}

// recorders returns a directory that has the recorder under the names of plugins.
func recorders(t testing.TB, plugins ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range plugins {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// recorded returns what was written down, in the order of the calls.
func recorded(t testing.TB, path string) []invocation {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var all []invocation
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if line == "" {
			continue
		}
		var i invocation
		if err := json.Unmarshal([]byte(line), &i); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, i)
	}
	return all
}
