package netns_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/leaktest"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/must"
)

// withoutPrivileges names the variable that makes the test binary try things as nobody in a user
// namespace.
const withoutPrivileges = "NETNS_TEST_WITHOUT_PRIVILEGES"

func TestMain(m *testing.M) {
	if path := os.Getenv(withoutPrivileges); path != "" {
		os.Exit(tryWithoutPrivileges(path))
	}
	os.Exit(leaktest.Main(m))
}

func TestOpenRefusesWhatIsNoOtherNetworkNamespace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	fifo := filepath.Join(dir, "fifo")
	socket := filepath.Join(dir, "socket")
	must.Succeed(t, os.WriteFile(file, nil, 0o600))
	must.Succeed(t, unix.Mkfifo(fifo, 0o600))
	listener, err := net.Listen("unix", socket)
	must.Succeed(t, err)
	defer listener.Close()

	for _, test := range []struct {
		name, path string
		want       error
	}{
		{"missing", filepath.Join(dir, "none"), fs.ErrNotExist},
		{"regular file", file, netns.ErrNotNamespace},
		{"directory", dir, netns.ErrNotNamespace},
		{"FIFO without a writer", fifo, netns.ErrNotNamespace},
		{"socket", socket, netns.ErrNotNamespace},
		{"character device", "/dev/null", netns.ErrNotNamespace},
		{"file of /proc", "/proc/self/status", netns.ErrNotNamespace},
		{"namespace of another kind", "/proc/thread-self/ns/mnt", netns.ErrNotNamespace},
		{"own", "/proc/thread-self/ns/net", netns.ErrOwn},
		{"process gone", "/proc/4194304/ns/net", fs.ErrNotExist},
		{"relative", "netns", netns.ErrRelative},
		{"empty", "", netns.ErrRelative},
		{"NUL in the path", "/proc/self\x00/ns/net", unix.EINVAL},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, err := netns.Open(test.path, nil)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, %v; want %v", n, err, test.want)
			}
		})
	}
}

func TestOwnNamespaceIsThatOfTheCallingThread(t *testing.T) {
	outer, err := os.Open("/proc/thread-self/ns/net")
	must.Succeed(t, err)
	defer outer.Close()
	netnstest.Host(t)
	if _, err := netns.Open("/proc/thread-self/ns/net", nil); !errors.Is(err, netns.ErrOwn) {
		t.Errorf("open the thread's namespace: got %v, want %v", err, netns.ErrOwn)
	}
	n, err := netns.Open(fmt.Sprintf("/proc/self/fd/%d", outer.Fd()), nil)
	if err != nil {
		t.Fatalf("open the program's namespace from a thread in another: %v", err)
	}
	must.Succeed(t, n.Close())
}

func TestDoRunsInsideAndLeavesTheCallerWhereItIs(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	n := netnstest.Open(t, netnstest.New(t))
	before := threadNamespace(t)
	var inside string
	for range 3 {
		must.Succeed(t, n.Do(t.Context(), func() error {
			inside = threadNamespace(t)
			return nil
		}))
		var there unix.Stat_t
		must.Succeed(t, unix.Fstat(n.Fd(), &there))
		if want := fmt.Sprintf("net:[%d]", there.Ino); inside != want {
			t.Errorf("inside is %s, want %s", inside, want)
		}
	}
	if after := threadNamespace(t); after != before {
		t.Errorf("the caller's thread was moved from %s to %s", before, after)
	}
}

func TestDoOutlivesThePath(t *testing.T) {
	path := netnstest.New(t)
	n := netnstest.Open(t, path)
	must.Succeed(t, netns.Delete(t.Context(), path))
	must.Succeed(t, n.Do(t.Context(), func() error {
		_, err := net.InterfaceByName("lo")
		return err
	}))
}

func TestDoReturnsWhatTheFunctionDoes(t *testing.T) {
	n := netnstest.Open(t, netnstest.New(t))
	wrong := errors.New("wrong")
	if err := n.Do(t.Context(), func() error { return wrong }); err != wrong {
		t.Errorf("got %v, want the function's error as it is", err)
	}
	err := n.Do(t.Context(), func() error { panic("broken") })
	var panicked *netns.PanicError
	if !errors.As(err, &panicked) || panicked.Value != "broken" ||
		!strings.Contains(string(panicked.Stack), "netns_test") {
		t.Errorf("got %v, want the panic with its stack", err)
	}
	if err := n.Do(t.Context(), func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("a function that ended its goroutine: want an error")
	}
	if err := n.Do(t.Context(), func() error { return nil }); err != nil {
		t.Errorf("after a panic and an exit: %v", err)
	}
}

func TestDoRunsFunctionsAtOnceAndWaitsForThem(t *testing.T) {
	n := netnstest.Open(t, netnstest.New(t))
	running, release := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if err := n.Do(ctx, func() error { close(running); <-release; return nil }); err != nil {
			t.Errorf("cancelled when it ran already: %v", err)
		}
	})
	<-running
	must.Succeed(t, n.Do(t.Context(), func() error { return nil }))
	cancel()
	if err := n.Do(ctx, func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: got %v, want %v", err, context.Canceled)
	}
	close(release)
	group.Wait()
}

func TestCloseLeavesTheNamespaceToWhoIsInside(t *testing.T) {
	n, err := netns.Open(netnstest.New(t), nil)
	must.Succeed(t, err)
	running, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		if err := n.Do(t.Context(), func() error { close(running); <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-running
	descriptors := count(t, "/proc/self/fd")
	must.Succeed(t, n.Close())
	if now := count(t, "/proc/self/fd"); now != descriptors {
		t.Errorf("%d descriptors after Close, %d before", now, descriptors)
	}
	close(release)
	group.Wait()
	waitFor(t, "the descriptor to be closed", func() error {
		if now := count(t, "/proc/self/fd"); now >= descriptors {
			return fmt.Errorf("%d descriptors, %d before", now, descriptors)
		}
		return nil
	})
}

func TestClosedNamespaceRefuses(t *testing.T) {
	n, err := netns.Open(netnstest.New(t), nil)
	must.Succeed(t, err)
	must.Succeed(t, n.Do(t.Context(), func() error { return nil }))
	must.Succeed(t, n.Close())
	must.Succeed(t, n.Close())
	if err := n.Do(t.Context(), func() error { return nil }); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v, want %v", err, fs.ErrClosed)
	}
	if n.Fd() != -1 {
		t.Errorf("descriptor %d, want -1", n.Fd())
	}
	var none *netns.Namespace
	must.Succeed(t, none.Close())
}

func TestCookieKnowsTheNamespace(t *testing.T) {
	path := netnstest.New(t)
	a, again, b := netnstest.Open(t, path), netnstest.Open(t, path), netnstest.Open(t,
		netnstest.New(t))
	cookies := map[*netns.Namespace]uint64{}
	for _, n := range []*netns.Namespace{a, again, b} {
		cookie, err := n.Cookie(t.Context())
		must.Succeed(t, err)
		cookies[n] = cookie
	}
	if cookies[a] == 0 || cookies[a] != cookies[again] || cookies[a] == cookies[b] {
		t.Errorf("cookies %d and %d of one namespace, %d of another", cookies[a], cookies[again],
			cookies[b])
	}
	kept, err := a.Cookie(t.Context())
	if err != nil || kept != cookies[a] {
		t.Errorf("asked again: %d, %v; want %d", kept, err, cookies[a])
	}
}

// The identity that the kernel returns for an open namespace (Linux 6.18) is that of a socket
// inside, so that entries of both kinds match.
func TestCookieIsThatOfASocketInside(t *testing.T) {
	n := netnstest.Open(t, netnstest.New(t))
	cookie, err := n.Cookie(t.Context())
	must.Succeed(t, err)
	n.PrefetchSocket()
	socket := n.TakeSocket(t.Context())
	if socket == nil {
		t.Fatal("no socket")
	}
	defer socket.Close()
	inside, err := socket.NamespaceCookie()
	must.Succeed(t, err)
	if inside != cookie {
		t.Errorf("the cookie is %d, a socket inside says %d", cookie, inside)
	}
	if n.TakeSocket(t.Context()) != nil {
		t.Error("the socket is given away twice")
	}
}

func TestNoThreadOrDescriptorStays(t *testing.T) {
	path := netnstest.New(t)
	for range 8 { // what the runtime keeps for itself
		enterOnce(t, path)
	}
	threads, descriptors := count(t, "/proc/self/task"), count(t, "/proc/self/fd")
	for range 200 {
		enterOnce(t, path)
	}
	var there unix.Stat_t
	must.Succeed(t, unix.Stat(path, &there))
	waitFor(t, "threads and descriptors to go", func() error {
		if now := count(t, "/proc/self/fd"); now > descriptors {
			return fmt.Errorf("%d descriptors, %d before", now, descriptors)
		}
		if now := count(t, "/proc/self/task"); now > threads+2 { // the runtime starts one when it likes
			return fmt.Errorf("%d threads, %d before", now, threads)
		}
		return nobodyIn(there.Ino)
	})
}

func enterOnce(t *testing.T, path string) {
	n, err := netns.Open(path, nil)
	must.Succeed(t, err)
	must.Succeed(t, n.Do(t.Context(), func() error { return nil }))
	must.Succeed(t, n.Close())
}

// nobodyIn fails while a thread of this process, the first included, is in the network namespace.
func nobodyIn(ino uint64) error {
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		if link, _ := os.Readlink(task); link == fmt.Sprintf("net:[%d]", ino) {
			return fmt.Errorf("%s is still %s", task, link)
		}
	}
	return nil
}

func TestCreateBindsANamespaceWithLoopbackUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "netns")
	must.Succeed(t, netns.Create(t.Context(), path))
	n := netnstest.Open(t, path)
	must.Succeed(t, n.Do(t.Context(), func() error {
		links, err := net.Interfaces()
		if err == nil && (len(links) != 1 || links[0].Name != "lo" || links[0].Flags&net.FlagUp == 0) {
			err = fmt.Errorf("links %v, want lo alone and up", links)
		}
		return err
	}))
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm()&0o700 != 0o700 {
		t.Errorf("directory: %v, %v", info, err)
	}
	if err := netns.Create(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create again: got %v, want %v", err, fs.ErrExist)
	}
	must.Succeed(t, netns.Delete(t.Context(), path))
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after delete: %v, want %v", err, fs.ErrNotExist)
	}
	if err := netns.Delete(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("delete again: got %v, want %v", err, fs.ErrNotExist)
	}
}

func TestCreateThatFailsLeavesNothing(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := netns.Create(ended, filepath.Join(dir, "a", "b", "netns")); !errors.Is(err,
		context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	file := filepath.Join(dir, "file")
	must.Succeed(t, os.WriteFile(file, nil, 0o600))
	if err := netns.Create(t.Context(), filepath.Join(file, "netns")); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file for a directory: got %v, want %v", err, unix.ENOTDIR)
	}
	if err := netns.Create(t.Context(), "netns"); !errors.Is(err, netns.ErrRelative) {
		t.Errorf("relative path: got %v, want %v", err, netns.ErrRelative)
	}
}

func TestDeleteRefusesWhatIsNotBound(t *testing.T) {
	dir, bound := t.TempDir(), netnstest.New(t)
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	mount := filepath.Join(dir, "mount")
	for _, path := range []string{file, mount} {
		must.Succeed(t, os.WriteFile(path, []byte("content"), 0o600))
	}
	must.Succeed(t, os.Symlink(bound, link))
	must.Succeed(t, unix.Mount("/proc/thread-self/ns/uts", mount, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must.Succeed(t, unix.Unmount(mount, unix.MNT_DETACH)) })
	for _, path := range []string{file, dir, link, mount, "/proc/thread-self/ns/net"} {
		if err := netns.Delete(t.Context(), path); !errors.Is(err, netns.ErrNotNamespace) {
			t.Errorf("%s: got %v, want %v", path, err, netns.ErrNotNamespace)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
}

func TestDeleteUnbindsAllLayers(t *testing.T) {
	path := netnstest.New(t)
	must.Succeed(t, unix.Mount(netnstest.New(t), path, "", unix.MS_BIND, ""))
	must.Succeed(t, netns.Delete(t.Context(), path))
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after delete: %v, want %v", err, fs.ErrNotExist)
	}
}

func TestMissingPrivilegesAreTold(t *testing.T) {
	path := netnstest.New(t)
	try := exec.Command(os.Args[0])
	try.Env = []string{withoutPrivileges + "=" + path}
	try.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	if out, err := try.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// tryWithoutPrivileges runs in a process without any capability over the namespace at path.
func tryWithoutPrivileges(path string) (status int) {
	n, err := netns.Open(path, nil)
	if err == nil {
		err = n.Do(context.Background(), func() error { return nil })
	}
	if !errors.Is(err, fs.ErrPermission) || !errors.Is(err, unix.EPERM) {
		fmt.Printf("enter: %v\n", err)
		status = 1
	}
	made := filepath.Join(filepath.Dir(path), "made", "netns")
	if err := netns.Create(context.Background(), made); !errors.Is(err, unix.EPERM) {
		fmt.Printf("create: %v\n", err)
		status = 1
	}
	if _, err := os.Lstat(filepath.Dir(made)); !errors.Is(err, fs.ErrNotExist) {
		fmt.Printf("create left its directory: %v\n", err)
		status = 1
	}
	return status
}

func threadNamespace(t *testing.T) string {
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return link
}

func count(t *testing.T, dir string) int {
	entries, err := os.ReadDir(dir)
	must.Succeed(t, err)
	return len(entries)
}

// waitFor asks until there is no error any more, for at most 5 s.
func waitFor(t *testing.T, what string, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s: %v", what, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// Without /proc the path of a namespace cannot be compared with the caller's own: the error says
// so, and not that the namespace does not exist.
func TestOpenWithoutProc(t *testing.T) {
	bound := netnstest.New(t)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // not unlocked: the thread ends with its mount namespace
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return fmt.Errorf("unshare: %w", err)
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return fmt.Errorf("private mounts: %w", err)
			}
			// In a user namespace it cannot be unmounted.
			if err := unix.Mount("tmpfs", "/proc", "tmpfs", unix.MS_RDONLY, ""); err != nil {
				return fmt.Errorf("hide /proc: %w", err)
			}
			for _, path := range []string{bound, "/proc/1/ns/net"} {
				ns, err := netns.Open(path, nil)
				if !errors.Is(err, netns.ErrNoProc) || errors.Is(err, fs.ErrNotExist) {
					ns.Close()
					return fmt.Errorf("%s: got %w", path, err)
				}
			}
			_, err := netns.Open("/nonexistent", nil)
			if !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("a path that is not there: %w", err)
			}
			return nil
		}()
	}()
	must.Succeed(t, <-done)
}
