package core

import (
	"context"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func TestInterfaceNameHasADefaultWhereOneAttachmentIsMeant(t *testing.T) {
	named := Common{Network: jsontext.Value(`"web"`)}
	inFile := Common{NetworkFile: "/web.conflist"}
	null := Common{Network: jsontext.Value(`null`)}
	for _, test := range []struct {
		name    string
		command string
		request Common
		want    string
	}{
		{"ADD", plugin.Add, null, "eth0"},
		{"DEL from a network", plugin.Del, named, "eth0"},
		{"DEL from the network in a file", plugin.Del, inFile, "eth0"},
		{"DEL from all networks", plugin.Del, null, ""},
		{"CHECK of all networks", plugin.Check, Common{}, ""},
		{"REPAIR in a network", plugin.Repair, named, "eth0"},
		{"GC of a network", plugin.GC, named, ""},
		{"a list", "", named, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			request, err := New(Options{}).incoming(Caller{}, test.command, &test.request).normalize()
			kittest.Must(t, err)
			if request.IfName != test.want {
				t.Errorf("ifName %q, want %q", request.IfName, test.want)
			}
			if request.namesNetwork() != test.request.namesNetwork() {
				t.Errorf("network %s became %s", test.request.Network, request.Network)
			}
		})
	}
}

// A request may be used for several calls: verbs do not change it.
func TestVerbsDoNotChangeTheirRequest(t *testing.T) {
	e, ctx := New(Options{}), context.Background()
	lo := `{"cniVersion":"1.1.0","name":"lo","plugins":[{"type":"loopback"}]}`
	for _, test := range []struct {
		verb, network string
		call          func(*Common) error
	}{
		{"add", lo, func(c *Common) error {
			r := AddRequest{Common: *c}
			_, err := e.Add(ctx, Caller{}, &r)
			*c = r.Common
			return err
		}},
		{"del", lo, func(c *Common) error {
			r := DelRequest{Common: *c}
			_, err := e.Del(ctx, Caller{}, &r)
			*c = r.Common
			return err
		}},
		{"del from all networks", "null", func(c *Common) error {
			r := DelRequest{Common: *c}
			_, err := e.Del(ctx, Caller{}, &r)
			*c = r.Common
			return err
		}},
		{"status", lo, func(c *Common) error {
			r := StatusRequest{Common: *c}
			_, err := e.Status(ctx, Caller{}, &r)
			*c = r.Common
			return err
		}},
	} {
		t.Run(test.verb, func(t *testing.T) {
			netnstest.Host(t)
			dir := t.TempDir()
			before := Common{
				Network: jsontext.Value(test.network), ContainerID: "c1", Netns: netnstest.New(t),
				Options: RequestOptions{CacheDir: dir + "/cache", StateDir: dir + "/run"},
			}
			after := before
			kittest.Must(t, test.call(&after))
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("(-before +after)\n%s", diff)
			}
		})
	}
}
