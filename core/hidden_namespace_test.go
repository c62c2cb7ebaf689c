package core

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// TestHiddenNamespaceIsNotGone: the kernel answers a thread without CAP_SYS_ADMIN as if other
// namespaces did not exist.
func TestHiddenNamespaceIsNotGone(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	other := netnstest.New(t)
	h.attach(network, "c1", "libcni")

	dropCapability(t, unix.CAP_SYS_ADMIN)
	answer := h.must("del", object{"containerId": "c1", "netns": other})
	if left, _ := answer["left"].([]any); len(left) != 1 {
		t.Errorf("DEL with the namespace of another container: %v", answer)
	}
}

// dropCapability takes a capability from the test's thread until the test ends.
func dropCapability(t *testing.T, bit int) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	before := data
	data[0].Effective &^= 1 << bit
	if err := unix.Capset(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the namespaces are deleted next
		if err := unix.Capset(&header, &before[0]); err != nil {
			t.Error(err)
		}
	})
}
