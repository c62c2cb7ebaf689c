package core

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// A verb that needs a file of /proc says that /proc is not mounted, whichever file that is.
func TestWithoutProcEachVerbSaysUnsupported(t *testing.T) {
	h := newTestHost(t)
	network := h.masqueraded("web")
	ns := netnstest.New(t)
	h.must("add", object{"network": network, "containerId": "c1", "netns": ns})
	asOf := h.must("attachments", object{})["asOf"]
	other := netnstest.New(t)

	for _, test := range []struct {
		name, verb string
		request    object
	}{
		{"add", "add", object{"network": network, "containerId": "c2", "netns": other}},
		{"check", "check", object{"network": network, "containerId": "c1", "netns": ns}},
		{"repair", "repair", object{"network": "web", "containerId": "c1"}},
		{"gc", "gc", object{"network": network, "validAttachments": []any{}, "asOf": asOf}},
		{"del", "del", object{"network": network, "containerId": "unknown"}},
		{"netns.create", "netns.create", object{"path": filepath.Join(t.TempDir(), "ns")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := *h
			h.t = t
			hideProc(t)
			rc, answer := h.call(test.verb, test.request)
			msg, _ := answer["msg"].(string)
			if rc != -int(unix.ENOTSUP) || answer["kind"] != "unsupported" ||
				answer["retryable"] == true || !strings.Contains(msg, "mount -t proc") {
				t.Errorf("rc %d, %v", rc, answer)
			}
		})
	}
	h.must("check", object{"network": network, "containerId": "c1", "netns": ns})
	h.must("del", object{"network": network, "containerId": "c1"})
}

// hideProc takes /proc from the test's thread, which ends with the test. In a user namespace it
// cannot be unmounted.
func hideProc(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked
	kittest.Must(t, unix.Unshare(unix.CLONE_NEWNS))
	kittest.Must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	kittest.Must(t, unix.Mount("tmpfs", "/proc", "tmpfs", unix.MS_RDONLY, ""))
}
