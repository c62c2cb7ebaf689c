package firewalld

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func TestNoBus(t *testing.T) {
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "bus")); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a socket: %v", err)
	}
	stale := filepath.Join(t.TempDir(), "bus")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := Open(t.Context(), stale); !errors.Is(err, ErrNotRunning) {
		t.Errorf("with a socket that nobody listens to: %v", err)
	}
}

func TestBusThatSaysNothing(t *testing.T) {
	silent := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", silent)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, silent); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestCode(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"none", nil, ""},
		{"not of the bus", errors.New("ZONE_CONFLICT: x"), ""},
		{"without a text", dbus.Error{Name: "x"}, ""},
		{"firewalld's", dbus.Error{Name: "org.fedoraproject.FirewallD1.Exception",
			Body: []any{"ZONE_CONFLICT: '10.0.0.1' already bound"}}, "ZONE_CONFLICT"},
		{"a name alone", dbus.Error{Body: []any{"INVALID_ZONE"}}, "INVALID_ZONE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := code(test.err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
