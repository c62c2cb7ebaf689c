package dl

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// TestCostOfACall prints the table; what it holds is that isolated calls and the command leave the
// host one thread.
func TestCostOfACall(t *testing.T) {
	out, err := exec.Command(compile(t, "cost.c"), rig.Library(t), rig.Command(t),
		"100").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("\n%s", out)
	for _, line := range strings.Split(string(out), "\n") {
		fields := strings.Fields(line)
		if len(fields) > 0 && (fields[0] == "isolated" || fields[0] == "exec") &&
			fields[len(fields)-1] != "1" {
			t.Errorf("the host has more threads: %s", line)
		}
	}
	if strings.Count(string(out), "\n") != 4 {
		t.Errorf("not all modes:\n%s", out)
	}
}
