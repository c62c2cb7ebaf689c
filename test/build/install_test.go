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
		for _, file := range []string{
			"lib/libcni.so.0.1.0", "share/man/man1/cni.1", "share/man/man3/cni_schema.3",
			"share/bash-completion/completions/cni", "share/zsh/site-functions/_cni",
			"share/fish/vendor_completions.d/cni.fish",
			"lib/systemd/system/cni-repair-nftables.service",
			"lib/systemd/system/cni-repair-firewalld.service",
		} {
			_, err := os.Stat(to + "/usr/" + file)
			if installed := err == nil; installed != (target == "install") {
				t.Errorf("after make %s, %s is installed: %v", target, file, installed)
			}
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
