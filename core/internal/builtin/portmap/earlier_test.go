package portmap_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

func (r *rig) wantRouteLocalnet(want string) {
	r.T.Helper()
	if value, err := sysctl.Get("ipv4/conf/bra/route_localnet"); value != want {
		r.T.Errorf("route_localnet is %s, %v, not %s", value, err, want)
	}
}

// TestAttachmentsOfTheEarlierVersion updates under running containers: CHECK is silent, traffic
// flows, a container that is added does not disturb, and DEL leaves nothing.
func TestAttachmentsOfTheEarlierVersion(t *testing.T) {
	const first = both + `,{"hostPort":9000,"containerPort":9000,"range":20},` +
		`{"hostPort":9100,"containerPort":80,"range":20,"hostIP":"192.0.2.1"}`
	for _, members := range [][]string{nil, {`"conditionsV4":["ip saddr != 10.77.0.0/16"]`}} {
		r := newRig(t)
		one, two := r.container("a", 2), r.container("a", 3)
		mapping := config(first, members...)
		kittest.Must(t, portmap.AddAsBefore(t.Context(), r.Invocation(one, mapping)))
		r.Serve(&one.Node, ":80", "one")
		reached := func(when string) {
			t.Helper()
			for address, want := range map[string]string{
				"192.0.2.1:9100": "one 192.0.2.1", "127.0.0.1:8080": "one 10.1.0.1",
				"[fd00:9::1]:8080": "one fd00:9::1",
			} {
				if got := r.Ask(nil, "tcp", address, kittest.Patience); got != want {
					t.Errorf("%s, %s: got %q, want %q", when, address, got, want)
				}
			}
		}
		kittest.Same(t, "drift", []string(nil), r.drift(one, mapping))
		reached("before")

		other := config(`{"hostPort":9005,"containerPort":80}`)
		if err := r.add(two, other); err == nil ||
			!strings.Contains(err.Error(), "tcp 9005 is taken by container c2") {
			t.Errorf("got %v", err)
		}
		other = config(`{"hostPort":9500,"containerPort":9500,"range":20}`, members...)
		r.mustAdd(two, other)
		reached("after an ADD")
		kittest.Same(t, "drift of one", []string(nil), r.drift(one, mapping))
		kittest.Same(t, "drift of two", []string(nil), r.drift(two, other))
		if len(r.repair(one, mapping)) != 0 {
			t.Error("something was repaired")
		}

		r.wantRouteLocalnet("1")
		kittest.Must(t, r.del(one, mapping))
		r.wantRouteLocalnet("0")
		kittest.Same(t, "drift of two", []string(nil), r.drift(two, other))
		kittest.Must(t, r.del(two, other))
		kittest.Same(t, "left", []string(nil), r.elements())
	}
}

// TestRouteLocalnetOfTheEarlierVersionIsTurnedOff takes the rule set away that recorded who turned
// it on: it opens the services of the host on 127.0.0.1 until the repair, or the DEL.
func TestRouteLocalnetOfTheEarlierVersionIsTurnedOff(t *testing.T) {
	for name, end := range map[string]func(*rig, *kittest.Container){
		"repair": func(r *rig, c *kittest.Container) { r.repair(c, config(both)) },
		"DEL":    func(r *rig, c *kittest.Container) { kittest.Must(r.T, r.del(c, config(both))) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("a", 2)
			kittest.Must(t, portmap.AddAsBefore(t.Context(), r.Invocation(c, config(both))))
			r.flushRuleset()
			r.wantRouteLocalnet("1")
			end(r, c)
			r.wantRouteLocalnet("0")
		})
	}
}

// A link that could not be looked up is not a link that is gone: its route_localnet may be on.
func TestALinkThatWasNotSeenIsNotGone(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	inv := r.Invocation(c, config(both))
	_, err := sysctl.Set("ipv4/conf/bra/route_localnet", "1")
	kittest.Must(t, err)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := portmap.CloseLoopback(cancelled, inv); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	kittest.Run(t, "ip", "link", "set", "bra", "alias", "libcni")
	kittest.Must(t, portmap.CloseLoopback(t.Context(), inv))
	r.wantRouteLocalnet("0")

	kittest.Run(t, "ip", "link", "del", "bra")
	kittest.Must(t, portmap.CloseLoopback(t.Context(), inv))
}
