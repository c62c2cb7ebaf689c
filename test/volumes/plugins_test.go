package volumes

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core"

	"github.com/libcni/libcni/test/rig"
)

// peer is the path of a program that "make peers" builds.
func peer(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(rig.Peers(t), name)
}

// plugin is a plugin's process.
type plugin struct {
	t       *testing.T
	dir     string
	address string // as libcni takes it
	journal string
	command *exec.Cmd
}

// started starts the plugin that misbehaves, on a socket in a directory of its own.
func started(t *testing.T, flags ...string) *plugin {
	t.Helper()
	return startedAt(t, filepath.Join(t.TempDir(), "x.sock"), flags...)
}

func startedAt(t *testing.T, socket string, flags ...string) *plugin {
	t.Helper()
	p := newPlugin(t, append([]string{"-listen", "unix:" + socket}, flags...)...)
	p.address = "unix://" + socket
	return p
}

func startedTCP(t *testing.T, flags ...string) *plugin {
	t.Helper()
	rig.Must(t, rig.LoopbackUp())
	p := newPlugin(t, append([]string{"-listen", "tcp:127.0.0.1:0"}, flags...)...)
	p.address = "tcp://" + p.address
	return p
}

func newPlugin(t *testing.T, flags ...string) *plugin {
	t.Helper()
	rig.Must(t, rig.LoopbackUp())
	dir := t.TempDir()
	p := &plugin{t: t, dir: dir, journal: filepath.Join(dir, "journal")}
	flags = append(flags, "-root", filepath.Join(dir, "volumes"), "-log", p.journal)
	p.command = exec.Command(peer(t, "volumeplugin"), flags...)
	p.command.Stderr = os.Stderr
	out, err := p.command.StdoutPipe()
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("volumeplugin %v: %v", flags, err)
	}
	p.address = strings.TrimSpace(strings.TrimPrefix(line, "ready "))
	return p
}

// stop kills the plugin, which leaves its socket behind.
func (p *plugin) stop() {
	if p.command.ProcessState == nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait() // it was killed
	}
}

// heard is a request as the plugin got it.
type heard struct {
	Method, Path, Host, Accept, ContentType, Body string
	Length                                        int64
}

func (p *plugin) heard() []heard {
	p.t.Helper()
	data, err := os.ReadFile(p.journal)
	if err != nil {
		p.t.Fatal(err)
	}
	var all []heard
	for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var h heard
		if len(line) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &h); err != nil {
			p.t.Fatal(err)
		}
		all = append(all, h)
	}
	return all
}

// paths are the endpoints that were called, in order.
func (p *plugin) paths() []string {
	p.t.Helper()
	var all []string
	for _, h := range p.heard() {
		all = append(all, strings.TrimPrefix(strings.TrimPrefix(h.Path, "/VolumeDriver."), "/"))
	}
	return all
}

func (p *plugin) count(path string) int {
	p.t.Helper()
	n := 0
	for _, called := range p.paths() {
		if called == path {
			n++
		}
	}
	return n
}

// answer is what libcni answers.
type answer struct {
	rc  int
	raw string

	Code         int64
	Kind         string
	Msg, Details string
	Errno        string
	Volume       json.RawMessage
	VolumePlugin struct {
		Name, Address, Endpoint string
		Status                  int
	}
	Retryable  bool
	RolledBack *bool

	Mountpoint, Scope string
	Volumes           []listed
	Plugins           []struct{ Name, Address, File string }
	Errors            []struct{ Plugin, Address, File, Kind, Msg string }
}

type listed struct {
	Plugin, Name, Mountpoint string
	Status                   json.RawMessage
}

// object is a JSON object of a request.
type object map[string]any

// ask makes a call of an engine, as cni_call does.
func ask(t *testing.T, engine *core.Engine, method string, request object) answer {
	t.Helper()
	return askWith(t, context.Background(), engine, method, request)
}

func askWith(
	t *testing.T, ctx context.Context, engine *core.Engine, method string, request object,
) answer {
	t.Helper()
	data, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	rc, response := engine.Call(ctx, core.Caller{}, method, data)
	if err := json.Unmarshal(response, &a); err != nil {
		t.Errorf("%s: the response is not JSON: %v: %s", method, err, response)
	}
	a.rc, a.raw = rc, string(response)
	return a
}

// done is ask for what must succeed.
func done(t *testing.T, engine *core.Engine, method string, request object) answer {
	t.Helper()
	a := ask(t, engine, method, request)
	if a.rc != 0 {
		t.Fatalf("%s %v: %d %s", method, request, a.rc, a.raw)
	}
	return a
}

func newEngine() *core.Engine { return core.New(core.Options{}) }

// testvol starts Podman's plugin.
func testvol(t *testing.T) (address string) {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "testvol.sock")
	command := exec.Command(peer(t, "testvol"), "serve", "--sock-name", socket, "--path",
		filepath.Join(dir, "volumes"))
	if err := os.Mkdir(filepath.Join(dir, "volumes"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed
	})
	for limit := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
			return "unix://" + socket
		}
		if time.Now().After(limit) {
			t.Fatalf("testvol does not listen: %v", err)
		}
	}
}

// write makes a file, with its directory.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// silent listens and never answers.
func silent(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "silent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return fmt.Sprintf("unix://%s", listener.Addr())
}
