package build

import (
	"os"
	"path/filepath"
	"testing"
)

// TestInstallNeedsNoGo: root's PATH often lacks the Go that the library was built with.
func TestInstallNeedsNoGo(t *testing.T) {
	to := t.TempDir()
	built := modified(t)
	for _, target := range []string{"install", "uninstall"} {
		c := command("make", target, "GO=/nonexistent/go", "DESTDIR="+to, "PREFIX=/usr")
		succeed(t, c)
		_, err := os.Stat(to + "/usr/lib/libcni.so.0.1.0")
		if installed := err == nil; installed != (target == "install") {
			t.Errorf("after make %s the library is installed: %v", target, installed)
		}
	}
	if modified(t) != built {
		t.Error("make install built the library again")
	}
}

func modified(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(build(t), "libcni.so"))
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().UnixNano()
}
