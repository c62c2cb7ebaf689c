package boot_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
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
	var clock boot.Clock
	before, err := clock.Now()
	if err != nil || before <= 0 {
		t.Fatalf("got %v, %v", before, err)
	}
	start := time.Now()
	for time.Since(start) < time.Millisecond {
	}
	after, err := clock.Now()
	if err != nil || after-before < time.Millisecond || after-before > time.Minute {
		t.Errorf("a millisecond took %v, %v", after-before, err)
	}
}

// printNow makes the test binary print what Clock.Now returns.
const printNow = "LIBCNI_TEST_PRINT_NOW"

func TestMain(m *testing.M) {
	if os.Getenv(printNow) == "" {
		os.Exit(m.Run())
	}
	now, err := new(boot.Clock).Now()
	fmt.Println(int64(now), err)
}

// A process in a time namespace compares its time with those of others.
func TestNowIsTheSameInEachTimeNamespace(t *testing.T) {
	for _, offset := range []string{"864000", "-1", "0"} {
		for _, start := range []string{"exec", "fork"} {
			args := []string{"--time", "--boottime", offset, os.Args[0]}
			if start == "fork" {
				args = append([]string{"--fork"}, args...)
			}
			before, err := new(boot.Clock).Now()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("unshare", args...)
			cmd.Env = append(os.Environ(), printNow+"=1")
			out, err := cmd.CombinedOutput()
			after, _ := new(boot.Clock).Now()
			text, problem, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
			inside, bad := strconv.ParseInt(text, 10, 64)
			if err != nil || bad != nil || problem != "<nil>" || time.Duration(inside) < before ||
				time.Duration(inside) > after {
				t.Errorf("offset %s, %s: %q, %v; want a time from %d to %d", offset, start, out, err,
					before, after)
			}
		}
	}
}
