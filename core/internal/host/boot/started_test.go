package boot

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestStarted(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "libcni-boot-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	started, err := Started(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat("/proc/self") // made by this boot
	if err != nil {
		t.Fatal(err)
	}
	up, err := new(Clock).Now()
	if err != nil {
		t.Fatal(err)
	}
	if latest := time.Now().Add(-up).Add(time.Second); started.After(latest) ||
		!started.Before(info.ModTime()) {
		t.Errorf("the boot started at %v, want no later than %v", started, latest)
	}
	if _, err := Started("/proc"); !errors.Is(err, ErrUnknownStart) {
		t.Errorf("error for a directory on no tmpfs is %v, want %v", err, ErrUnknownStart)
	}
}
