package examples

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// volumePlugins starts a plugin made with Docker's helpers, and Podman's, and returns their
// addresses.
func volumePlugins(t *testing.T) map[string]string {
	t.Helper()
	rig.Isolate(t)
	peers, dir := rig.Peers(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "podmans"), 0o755); err != nil {
		t.Fatal(err)
	}
	helpers := exec.Command(filepath.Join(peers, "volumeplugin"), "-listen",
		"unix:"+dir+"/helpers.sock", "-root", dir+"/helpers")
	out, err := helpers.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	podmans := exec.Command(filepath.Join(peers, "testvol"), "serve", "--sock-name",
		dir+"/podmans.sock", "--path", dir+"/podmans")
	for _, plugin := range []*exec.Cmd{helpers, podmans} {
		if err := plugin.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = plugin.Process.Kill()
			_ = plugin.Wait() // it was killed
		})
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	listens(t, dir+"/podmans.sock")
	return map[string]string{
		"helpers": "unix://" + dir + "/helpers.sock", "podmans": "unix://" + dir + "/podmans.sock",
	}
}

func TestVolume(t *testing.T) {
	program := build(t, "volume")
	for name, plugin := range volumePlugins(t) {
		out := run(t, name, program, plugin)
		var steps []string
		for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
			step, _, _ := strings.Cut(line, ":")
			steps = append(steps, step)
		}
		want := []string{
			"ok   the volume is created", "ok   the volume is mounted", "ok   a file is written",
			"ok   the volume is unmounted", "ok   the volume is removed",
		}
		if diff := cmp.Diff(want, steps); diff != "" {
			t.Errorf("%s: steps (-want +got):\n%s", name, diff)
		}
	}
}

func TestVolumeFailsAloud(t *testing.T) {
	out, err := exec.Command(build(t, "volume"), "unix:///nowhere/x.sock").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "FAIL the volume is created") ||
		!strings.Contains(string(out), "volume-plugin-unreachable") {
		t.Errorf("%v, %s", err, out)
	}
}

func TestVolumeInPython(t *testing.T) {
	for name, plugin := range volumePlugins(t) {
		out := run(t, name, "python3", "../../examples/volume.py", plugin)
		for _, want := range []string{"created libcni-demo\n", "wrote /", "removed\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in %s", name, want, out)
			}
		}
	}
}

// run runs a program that must succeed, and returns what it prints.
func run(t *testing.T, name, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH=../../python", "PYTHONDONTWRITEBYTECODE=1",
		"LIBCNI_PATH="+rig.Library(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// listens waits until a plugin that does not say so listens.
func listens(t *testing.T, socket string) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
}
