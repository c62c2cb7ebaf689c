package boot_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/boot"
)

func TestIDIsStable(t *testing.T) {
	id, err := boot.ID()
	if err != nil ||
		!regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Fatalf("got %q, %v", id, err)
	}
	if again, err := boot.ID(); err != nil || again != id {
		t.Errorf("asked again: %q, %v; want %q", again, err, id)
	}
}

func TestNowGoesForward(t *testing.T) {
	before, err := boot.Now()
	if err != nil || before <= 0 {
		t.Fatalf("got %v, %v", before, err)
	}
	start := time.Now()
	for time.Since(start) < time.Millisecond {
	}
	after, err := boot.Now()
	if err != nil || after-before < time.Millisecond || after-before > time.Minute {
		t.Errorf("a millisecond took %v, %v", after-before, err)
	}
}
