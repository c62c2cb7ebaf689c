package lockfile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/leaktest"
	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/must"
)

// asHolder names the variable that makes the test binary another process: it takes the lock that
// its arguments say, reports on stdout, and holds it until stdin ends.
const asHolder = "LOCKFILE_TEST_HOLDER"

func TestMain(m *testing.M) {
	if os.Getenv(asHolder) != "" {
		hold(os.Args[1], os.Args[2], os.Args[3])
		return
	}
	os.Exit(leaktest.Main(m))
}

func hold(path, key, mode string) {
	l, err := takers[key](context.Background(), path,
		map[string]lockfile.Mode{"shared": lockfile.Shared, "exclusive": lockfile.Exclusive}[mode])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := l.Unlock(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

type taker func(ctx context.Context, path string, mode lockfile.Mode) (held, error)

type held interface{ Unlock() error }

// takers are the ways to lock, by name.
var takers = map[string]taker{
	"whole file": func(ctx context.Context, path string, mode lockfile.Mode) (held, error) {
		return lockfile.Flock(ctx, path, 0o640, mode)
	},
	"byte": func(ctx context.Context, path string, mode lockfile.Mode) (held, error) {
		return takeByte(ctx, path, ^uint64(0), mode)
	},
}

// takeByte locks as callers of Bytes do: again if the file was replaced.
func takeByte(
	ctx context.Context, path string, key uint64, mode lockfile.Mode,
) (*lockfile.Bytes, error) {
	for {
		b, err := lockfile.OpenBytes(ctx, path)
		if err != nil {
			return nil, err
		}
		replaced := false
		if err = b.Lock(ctx, key, mode); err == nil {
			replaced, err = b.IsReplaced()
		}
		if err == nil && !replaced {
			return b, nil
		}
		if err = errors.Join(err, b.Unlock()); err != nil {
			return nil, err
		}
	}
}

// holder is a lock held by another process.
type holder struct {
	process *exec.Cmd
	stdin   io.Closer
}

func startHolder(t *testing.T, path, key, mode string) *holder {
	t.Helper()
	process := exec.Command(os.Args[0], path, key, mode)
	process.Env = append(os.Environ(), asHolder+"=1")
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	must.Succeed(t, err)
	stdout, err := process.StdoutPipe()
	must.Succeed(t, err)
	must.Succeed(t, process.Start())
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("holder says %q, %v", line, err)
	}
	return &holder{process, stdin}
}

func (h *holder) release(t *testing.T) {
	t.Helper()
	must.Succeed(t, h.stdin.Close())
	must.Succeed(t, h.process.Wait())
}

func TestModesAgainstAnotherProcess(t *testing.T) {
	for key, take := range takers {
		for _, test := range []struct {
			theirs string
			ours   lockfile.Mode
			name   string
			want   error
		}{
			{"exclusive", lockfile.Exclusive, "exclusive against exclusive", lockfile.ErrBusy},
			{"exclusive", lockfile.Shared, "shared against exclusive", lockfile.ErrBusy},
			{"shared", lockfile.Exclusive, "exclusive against shared", lockfile.ErrBusy},
			{"shared", lockfile.Shared, "shared against shared", nil},
		} {
			t.Run(key+"/"+test.name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "a", "b", "lock")
				other := startHolder(t, path, key, test.theirs)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
				defer cancel()
				l, err := take(ctx, path, test.ours)
				if !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				if test.want != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want it to wrap the context's end too", err)
				}
				must.Succeed(t, l.Unlock())
				other.release(t)
				l, err = take(t.Context(), path, lockfile.Exclusive)
				must.Succeed(t, err)
				must.Succeed(t, l.Unlock())
			})
		}
	}
}

func TestWaitsUntilTheOtherProcessEnds(t *testing.T) {
	for key, take := range takers {
		t.Run(key, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lock")
			other := startHolder(t, path, key, "exclusive")
			taken := make(chan error)
			go func() {
				l, err := take(t.Context(), path, lockfile.Exclusive)
				taken <- errors.Join(err, l.Unlock())
			}()
			select {
			case err := <-taken:
				t.Errorf("taken while held: %v", err)
			case <-time.After(30 * time.Millisecond):
				must.Succeed(t, other.process.Process.Kill())
				must.Succeed(t, <-taken)
			}
			_ = other.process.Wait()
		})
	}
}

// A child that a host forks while a call holds a lock has the descriptor too, and keeps it for as
// long as it lives.
func TestUnlockReleasesThoughAChildHoldsTheDescriptor(t *testing.T) {
	for key, take := range takers {
		t.Run(key, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lock")
			l, err := take(t.Context(), path, lockfile.Exclusive)
			must.Succeed(t, err)
			child := exec.Command("/bin/sh", "-c", "echo started; read end")
			child.ExtraFiles = []*os.File{descriptorOf(t, path)}
			stdin, err := child.StdinPipe()
			must.Succeed(t, err)
			stdout, err := child.StdoutPipe()
			must.Succeed(t, err)
			must.Succeed(t, child.Start())
			_, err = bufio.NewReader(stdout).ReadString('\n')
			must.Succeed(t, err)
			must.Succeed(t, l.Unlock())
			must.Succeed(t, l.Unlock())
			l, err = take(t.Context(), path, lockfile.Exclusive)
			must.Succeed(t, err)
			must.Succeed(t, l.Unlock())
			must.Succeed(t, stdin.Close())
			_ = child.Wait()
		})
	}
}

// descriptorOf finds the descriptor this process has of path, and that it is not inherited, and
// returns a copy of it, which is of the same file description, as a forked child's is.
func descriptorOf(t *testing.T, path string) *os.File {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	must.Succeed(t, err)
	for _, fd := range fds {
		if link, _ := os.Readlink(fd); link != path {
			continue
		}
		number, err := strconv.Atoi(filepath.Base(fd))
		must.Succeed(t, err)
		return duplicate(t, number)
	}
	t.Fatalf("no descriptor of %s", path)
	return nil
}

func duplicate(t *testing.T, fd int) *os.File {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	must.Succeed(t, err)
	if flags&unix.FD_CLOEXEC == 0 {
		t.Error("the descriptor is inherited by executed programs")
	}
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	must.Succeed(t, err)
	file := os.NewFile(uintptr(copied), "copy")
	t.Cleanup(func() { file.Close() })
	return file
}

func TestKeysDoNotMeet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	bounded, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, key := range []uint64{0, 2, 1 << 40, 1 << 63, ^uint64(0)} {
		l, err := takeByte(bounded, path, key, lockfile.Exclusive)
		if err != nil {
			t.Fatalf("key %x: %v", key, err)
		}
		defer func() { _ = l.Unlock() }()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := takeByte(ctx, path, 1<<63, lockfile.Exclusive); !errors.Is(err, lockfile.ErrBusy) {
		t.Errorf("the same key twice: got %v, want %v", err, lockfile.ErrBusy)
	}
}

func TestGoroutinesExcludeEachOther(t *testing.T) {
	for key, take := range takers {
		t.Run(key, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lock")
			var group sync.WaitGroup
			var inside atomic.Int32
			for range 8 {
				group.Go(func() {
					for range 5 {
						l, err := take(t.Context(), path, lockfile.Exclusive)
						if err != nil {
							t.Error(err)
							return
						}
						if n := inside.Add(1); n != 1 {
							t.Errorf("%d hold the lock", n)
						}
						runtime.Gosched()
						inside.Add(-1)
						if err := l.Unlock(); err != nil {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
		})
	}
}

func TestFilesAreMadePrivateAndKept(t *testing.T) {
	dir := t.TempDir()
	for key, want := range map[string]fs.FileMode{"whole file": 0o640, "byte": 0o600} {
		path := filepath.Join(dir, key, "lock")
		l, err := takers[key](t.Context(), path, lockfile.Exclusive)
		must.Succeed(t, err)
		must.Succeed(t, l.Unlock())
		info, err := os.Stat(path)
		must.Succeed(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", key, got, want)
		}
		info, err = os.Stat(filepath.Dir(path))
		must.Succeed(t, err)
		if got := info.Mode().Perm(); got != 0o700 {
			t.Errorf("%s: directory's mode %o, want 700", key, got)
		}
	}
}

func TestEndedContextTakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for key, take := range takers {
		if _, err := take(ctx, path, lockfile.Shared); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", key, err, context.Canceled)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file: %v, want %v", err, fs.ErrNotExist)
	}
}

func TestUnusablePathIsTold(t *testing.T) {
	dir := t.TempDir()
	if _, err := lockfile.OpenBytes(t.Context(), dir); err == nil {
		t.Error("a directory: want an error")
	}
	if _, err := lockfile.Flock(t.Context(), "/proc/self/none/lock", 0o600,
		lockfile.Shared); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no place for a directory: got %v, want %v", err, fs.ErrNotExist)
	}
}
