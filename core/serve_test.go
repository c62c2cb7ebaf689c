package core

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// An error names the interface that the request gives. It names the default one only if the failure
// concerns the attachment that the request addresses.
func TestErrorsNameTheAddressedInterface(t *testing.T) {
	lo := `"network":{"cniVersion":"1.1.0","name":"lo","plugins":[{"type":"loopback"}]}`
	for _, test := range []struct {
		method, request string
		want            string
	}{
		{"add", `{"network":null}`, ""},
		{"add", `{"networkFile":"/nonexistent"}`, ""},
		{"add", `{"containerId":"","network":"web"}`, ""},
		{"add", `{"containerId":"","network":"web","ifName":"net1"}`, "net1"},
		{"add", `{"containerId":"c1",` + lo + `}`, "eth0"},
		{"add", `{"containerId":"",` + lo + `}`, "eth0"},
		{"del", `{"network":1}`, ""},
		{"del", `{"network":"we/b"}`, ""},
		{"del", `{"network":"web"}`, "eth0"},
		{"del", `{"network":null}`, ""},
		{"check", `{"network":1}`, ""},
		{"check", `{"network":"we/b"}`, ""},
		{"check", `{"network":"web","containerId":"c1"}`, "eth0"},
		{"check", `{"containerId":"c1"}`, ""},
		{"repair", `{"network":1}`, ""},
		{"repair", `{"network":"we/b"}`, ""},
		{"repair", `{"networkFile":"/nonexistent"}`, ""},
		{"repair", `{"network":"web","containerId":"c1"}`, "eth0"},
		{"gc", `{"network":"we/b","validAttachments":[]}`, ""},
	} {
		t.Run(test.method+" "+test.request, func(t *testing.T) {
			dirs := fmt.Sprintf(`{"options":{"confDir":%q,"cacheDir":%q,"stateDir":%q},`, t.TempDir(),
				t.TempDir(), t.TempDir())
			rc, response := New(Options{}).Call(context.Background(), Caller{}, test.method,
				[]byte(dirs+test.request[1:]))
			var e struct {
				IfName string `json:"ifName"`
			}
			kittest.Must(t, json.Unmarshal(response, &e))
			if rc == 0 || e.IfName != test.want {
				t.Errorf("ifName %q, want %q: %s", e.IfName, test.want, response)
			}
		})
	}
}

// The default is not filled in before it is known that one attachment is addressed.
func TestNormalizationLeavesTheInterfaceOpen(t *testing.T) {
	null := Common{Network: jsontext.Value(`null`)}
	request, err := New(Options{}).incoming(Caller{}, plugin.Add, &null).normalize()
	kittest.Must(t, err)
	if request.IfName != "" || request.namesNetwork() || request.Network != nil {
		t.Errorf("ifName %q, network %s", request.IfName, request.Network)
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
