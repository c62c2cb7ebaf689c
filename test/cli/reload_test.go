package cli

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestCallsBesideReloadsOfFirewalld attaches and detaches containers while firewalld is reloaded
// again and again, and the unit's command restores what each reload loses.
func TestCallsBesideReloadsOfFirewalld(t *testing.T) {
	h := newHost(t)
	unit := filepath.Join(installed(t), firewalldUnit)
	h.filtered("web", "10.77.1.0/24")
	h.startBus()
	h.startFirewalld()
	command := h.unitCommand(unit, "ExecStart")
	watch := h.begin(command[0], command[1:]...)

	const containers = 5
	beside := func(call func(id string)) {
		reloads := h.begin("sh", "-c",
			"trap 'exit 0' TERM; while firewall-cmd --reload; do :; done; exit 1")
		for i := range containers {
			h.until(reloads, "success")
			call(fmt.Sprintf("c%d", i))
		}
		if status := reloads.stop(); status != 0 {
			t.Errorf("the reloads ended with status %d", status)
		}
	}

	beside(func(id string) { h.ok("add", "web", h.namespace(id), "--id", id) })
	h.ok("repair", "--all") // the watch may not have seen the last reload yet
	for i := range containers {
		h.ok("check", "--id", fmt.Sprintf("c%d", i))
	}
	beside(func(id string) { h.ok("del", "--id", id) })
	if status := watch.stop(); status != 0 {
		t.Errorf("SIGTERM ends the watch with status %d", status)
	}
	if left := h.sources(); left != "" {
		t.Errorf("sources left: %s", left)
	}
}
