package dl

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// In a set-uid program the environment chooses neither the command nor what the command sees.
func TestSetUIDProgramsDoNotBelieveTheEnvironment(t *testing.T) {
	users, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Fields(string(users))[2] == "1" {
		t.Skip("a user namespace of one user has nobody to be set-uid for; run as root")
	}
	dir, err := os.MkdirTemp("/run", "setuid") // where another user can look, and set-uid counts
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	place := func(name, from string, mode os.FileMode) string {
		t.Helper()
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // umask
			t.Fatal(err)
		}
		return path
	}
	place("cni", compile(t, "stub.c", "-DCOMMAND"), 0o755)
	compiledIn := place("trusted", filepath.Join(dir, "cni"), 0o755)
	program := compile(t, "setuid.c", `-DCNI_DL_COMMANDS={"/nonexistent/cni","`+compiledIn+`"}`)
	for _, test := range []struct {
		name, program, path, want string
	}{
		{"set-uid", place("setuid", program, 0o755|os.ModeSetuid), "/nonexistent", "secure 1 rc 0 "},
		{"ordinary", place("ordinary", program, 0o755), dir, "secure 0 rc 0 "},
		{
			"ordinary, the command is not in PATH", filepath.Join(dir, "ordinary"), "/nonexistent",
			"secure 0 rc -95 ",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(test.program)
			cmd.Env = []string{"PATH=" + test.path, "MARK=believed"}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			believed := strings.Contains(string(out), "believed")
			if !strings.HasPrefix(string(out), test.want) ||
				believed != strings.HasPrefix(test.want, "secure 0 rc 0") {
				t.Errorf("%s; want %s", out, test.want)
			}
		})
	}
}
