package loopback_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/builtin/loopback"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// invocation has a container whose lo is down, as the kernel makes it.
func invocation(t *testing.T) (*plugin.Invocation, *rtnl.Conn) {
	t.Helper()
	h := &kittest.Host{T: t}
	c := h.NewContainer("net", "c1")
	kittest.Must(t, c.Conn.SetLink(t.Context(), lo(t, c.Conn).Index, rtnl.Change{Down: true}))
	return h.Invocation(c, nil), c.Conn
}

func lo(t *testing.T, conn *rtnl.Conn) *rtnl.Link {
	t.Helper()
	l, err := conn.LinkByName(t.Context(), "lo")
	kittest.Must(t, err)
	return l
}

func TestAddBringsLoUp(t *testing.T) {
	inv, conn := invocation(t)
	result, err := loopback.New().Add(t.Context(), inv)
	kittest.Must(t, err)
	if !lo(t, conn).Up {
		t.Error("lo is down")
	}
	value, err := result.Value()
	kittest.Must(t, err)
	text, err := json.Marshal(value)
	kittest.Must(t, err)
	want := `{"cniVersion":"1.1.0","interfaces":[{"mac":"00:00:00:00:00:00","mtu":65536,"name":"lo","sandbox":"` + inv.NetnsPath +
		`"}],"ips":[{"address":"127.0.0.1/8","interface":0},{"address":"::1/128","interface":0}]}`
	kittest.Same(t, "result", want, string(text))
	kittest.Must(t, loopback.New().Check(t.Context(), inv))
}

func TestAddPassesThePreviousResultThrough(t *testing.T) {
	inv, _ := invocation(t)
	before, err := plugin.ParseResult([]byte(`{"cniVersion":"1.0.0","interfaces":[{"name":"eth0"}]}`),
		"1.0.0")
	kittest.Must(t, err)
	inv.PrevResult = before
	if got, err := loopback.New().Add(t.Context(), inv); err != nil || got != before {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAddRefusesAddressesThatAreNotLoopback(t *testing.T) {
	for _, address := range []string{"10.9.0.1/24", "fd09::1/64"} {
		inv, conn := invocation(t)
		kittest.Must(t,
			conn.AddAddress(t.Context(), lo(t, conn).Index,
				rtnl.Address{Prefix: netip.MustParsePrefix(address)}))
		if _, err := loopback.New().Add(t.Context(), inv); err == nil ||
			!strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestCheckFindsLoDown(t *testing.T) {
	inv, _ := invocation(t)
	var f *fault.Error
	err := loopback.New().Check(t.Context(), inv)
	want := []fault.Drift{{Plugin: "loopback", Object: "link lo", Expected: "up", Actual: "down"}}
	if !errors.As(err, &f) || !cmp.Equal(want, f.Drift) {
		t.Errorf("got %v", err)
	}
}

func TestDel(t *testing.T) {
	inv, conn := invocation(t)
	_, err := loopback.New().Add(t.Context(), inv)
	kittest.Must(t, err)
	for range 2 {
		kittest.Must(t, loopback.New().Del(t.Context(), inv))
		if lo(t, conn).Up {
			t.Error("lo is up")
		}
	}
	kittest.Must(t, netns.Delete(t.Context(), inv.NetnsPath))
	kittest.Must(t, loopback.New().Del(t.Context(), inv)) // it is open still
	kittest.Must(t,
		loopback.New().Del(t.Context(),
			&plugin.Invocation{Lent: &kit.Lent{Links: rtnl.NewSession(nil, nil)}}))
}

func TestNamespaceIsNeeded(t *testing.T) {
	var f *fault.Error
	inv := &plugin.Invocation{Lent: &kit.Lent{Links: rtnl.NewSession(nil, nil)}}
	if _, err := loopback.New().Add(t.Context(), inv); !errors.As(err, &f) || f.Details != "netns" {
		t.Errorf("ADD: %v", err)
	}
	if err := loopback.New().Check(t.Context(), inv); !errors.As(err, &f) || f.Details != "netns" {
		t.Errorf("CHECK: %v", err)
	}
}
