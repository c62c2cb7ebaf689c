package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMissingPackagesAreNamedFirst: "make test" installs nothing, and names what is missing before
// it builds anything.
func TestMissingPackagesAreNamedFirst(t *testing.T) {
	bin := emptyPath(t)
	dir := t.TempDir()
	c := command("make", "-s", "-j4", "BUILD="+dir, "GO=/nonexistent/go", "test", "STEPS=none")
	c.Env = append(c.Env, "PATH="+bin)
	out, err := c.CombinedOutput()
	if err == nil {
		t.Fatalf("it goes on:\n%s", out)
	}
	said, _, _ := strings.Cut(string(out), "\n")
	for _, want := range []string{"the tests need ", " clang", " mold", "make deps"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in the first line: %s", want, out)
		}
	}
	empty(t, dir)
}

// TestNamespacesAreTriedFirst: a user who cannot make namespaces reads so before anything is built.
func TestNamespacesAreTriedFirst(t *testing.T) {
	advice := map[string]string{"1000": "user.max_user_namespaces", "0": "CAP_SYS_ADMIN"}
	for user, want := range advice {
		bin := emptyPath(t)
		link(t, script(t, "echo unshare: refused >&2; exit 1"), filepath.Join(bin, "unshare"))
		if err := os.Remove(filepath.Join(bin, "id")); err != nil {
			t.Fatal(err)
		}
		link(t, script(t, "echo "+user), filepath.Join(bin, "id"))

		dir := t.TempDir()
		c := command("make", "-s", "-j4", "BUILD="+dir, "GO=/nonexistent/go", "demo")
		c.Env = append(c.Env, "PATH="+bin)
		out, err := c.CombinedOutput()
		if err == nil {
			t.Fatalf("it goes on:\n%s", out)
		}
		said, _, _ := strings.Cut(string(out), "\n")
		if !strings.Contains(said, "unshare: refused") || !strings.Contains(said, want) {
			t.Errorf("user %s reads:\n%s", user, out)
		}
		empty(t, dir)
	}
}

// The fakes record, in $RECORD, what a package's maintainer script would find.
const (
	fakeAptGet = `
case "$*" in
*--simulate*) echo "Inst firewalld (1.3)"; echo "Inst python3-dbus (1.2)"; echo "Conf firewalld" ;;
install*)
	echo "apt-get $*" >>$RECORD
	$DPKG_ROOT/usr/sbin/policy-rc.d || echo "starting services: $?" >>$RECORD
	exit ${APT_FAILS:-0} ;;
esac`
	fakeHelper = `echo "$DPKG_MAINTSCRIPT_PACKAGE: $*" >>$RECORD`
)

// TestInstalledServicesAreNotStarted: firewalld must not take over the machine's firewall because
// tests need it, neither now nor at the next boot, also when the installation fails.
func TestInstalledServicesAreNotStarted(t *testing.T) {
	for _, fails := range []string{"0", "100"} {
		t.Run("apt-get exits with "+fails, func(t *testing.T) {
			debian, record := t.TempDir(), filepath.Join(t.TempDir(), "record")
			sbin := filepath.Join(debian, "usr", "sbin")
			if err := os.MkdirAll(sbin, 0o755); err != nil {
				t.Fatal(err)
			}
			bin := emptyPath(t)
			link(t, script(t, fakeAptGet), filepath.Join(bin, "apt-get"))
			link(t, script(t, fakeHelper), filepath.Join(bin, "deb-systemd-helper"))

			dir := t.TempDir()
			c := command("make", "BUILD="+dir, "deps")
			c.Env = append(c.Env, "PATH="+bin, "DPKG_ROOT="+debian, "RECORD="+record, "APT_FAILS="+fails)
			out, err := c.CombinedOutput()
			if succeeded := err == nil; succeeded != (fails == "0") {
				t.Errorf("it succeeds: %v\n%s", succeeded, out)
			}

			done := read(t, record)
			for _, want := range []string{
				" firewalld ", "starting services: 101", "firewalld: disable firewalld.service",
			} {
				if !strings.Contains(done, want) {
					t.Errorf("%q is not in what it did:\n%s", want, done)
				}
			}
			for _, want := range []string{"2 packages", "firewalld python3-dbus", "no service"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			empty(t, sbin)
			empty(t, dir)
		})
	}
}

// TestAnAdministratorsPolicyStays: a container image has a policy of its own.
func TestAnAdministratorsPolicyStays(t *testing.T) {
	debian := t.TempDir()
	policy := filepath.Join(debian, "usr", "sbin", "policy-rc.d")
	write(t, policy, "#!/bin/sh\nexit 104\n")
	bin := emptyPath(t)
	link(t, script(t, `echo "Inst firewalld"`), filepath.Join(bin, "apt-get"))
	link(t, script(t, ""), filepath.Join(bin, "deb-systemd-helper"))

	c := command("make", "deps")
	c.Env = append(c.Env, "PATH="+bin, "DPKG_ROOT="+debian)
	succeed(t, c)
	if text := read(t, policy); !strings.Contains(text, "104") {
		t.Errorf("it is now:\n%s", text)
	}
}

// fakePython makes a virtual environment as "python3 -m venv" does: its python is a link.
const fakePython = `
case "$*" in
"-m venv "*)
	mkdir -p $3/bin
	ln -s $SYSTEM_PYTHON $3/bin/python
	printf '#!/bin/sh\n' >$3/bin/pip
	chmod 755 $3/bin/pip ;;
esac`

// TestToolsLeaveTheSystemsPythonAlone: an ordinary user may not set the time of the system's
// python, and root should not.
func TestToolsLeaveTheSystemsPythonAlone(t *testing.T) {
	dir, bin := t.TempDir(), emptyPath(t)
	python := script(t, fakePython)
	before := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(python, before, before); err != nil {
		t.Fatal(err)
	}
	link(t, python, filepath.Join(bin, "python3"))
	nothing := script(t, "")
	link(t, nothing, filepath.Join(bin, "npm"))

	c := command("make", "BUILD="+dir, "GO="+nothing, filepath.Join(dir, "test-tools"))
	c.Env = append(c.Env, "PATH="+bin, "SYSTEM_PYTHON="+python)
	succeed(t, c)
	info, err := os.Stat(python)
	if err != nil {
		t.Fatal(err)
	}
	if !info.ModTime().Equal(before) {
		t.Errorf("its time is %v, want %v", info.ModTime(), before)
	}
}

// emptyPath returns a directory for PATH with the shell's usual tools, and without all that the
// tests need beside them.
func emptyPath(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for _, tool := range []string{
		"sh", "id", "dirname", "make", "sed", "cut", "find", "wc", "tr", "fold", "rm", "chmod", "head",
		"mkdir", "cp", "touch", "ln", "date", "cat",
	} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		link(t, path, filepath.Join(bin, tool))
	}
	return bin
}

// empty fails if the directory has entries.
func empty(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%s has %v (%v)", dir, entries, err)
	}
}
