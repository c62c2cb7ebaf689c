package sysctl_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/sysctl"
)

func TestSetWritesOnlyWhatDiffers(t *testing.T) {
	netnstest.Host(t)
	key := sysctl.Link("ipv6", "lo", "accept_ra")
	for _, c := range []struct {
		value string
		want  bool
	}{{"2", true}, {"2", false}, {"0", true}} {
		changed, err := sysctl.Set(key, c.value)
		if err != nil || changed != c.want {
			t.Errorf("set %s: changed %v, %v; want %v", c.value, changed, err, c.want)
		}
		if got, err := sysctl.Get(key); got != c.value || err != nil {
			t.Errorf("get: %q, %v; want %q", got, err, c.value)
		}
	}
}

func TestSettingsAreThoseOfTheNamespace(t *testing.T) {
	netnstest.Host(t)
	ns := netnstest.Open(t, netnstest.New(t))
	key := sysctl.Link("ipv4", "lo", "arp_notify")
	if err := ns.Do(t.Context(), func() error {
		_, err := sysctl.Set(key, "1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := sysctl.Get(key); got != "0" || err != nil {
		t.Errorf("outside: %q, %v; want 0", got, err)
	}
}

func TestErrors(t *testing.T) {
	netnstest.Host(t)
	for _, c := range []struct {
		key  string
		want error
	}{
		{"ipv6/conf/none/accept_ra", fs.ErrNotExist},
		{"../kernel/hostname", sysctl.ErrPath},
		{"ipv4/../../kernel/hostname", sysctl.ErrPath},
		{"", sysctl.ErrPath},
		{"ipv4/ip_forward\x00", sysctl.ErrPath},
	} {
		if _, err := sysctl.Get(c.key); !errors.Is(err, c.want) {
			t.Errorf("get %q: %v, want %v", c.key, err, c.want)
		}
		if _, err := sysctl.Set(c.key, "1"); !errors.Is(err, c.want) {
			t.Errorf("set %q: %v, want %v", c.key, err, c.want)
		}
	}
	if _, err := sysctl.Set("ipv4/ip_forward", "maybe"); err == nil {
		t.Error("a value that the kernel refuses was taken")
	}
}
