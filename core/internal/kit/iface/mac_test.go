package iface

import (
	"errors"
	"testing"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

func TestMACPrecedence(t *testing.T) {
	const args, cni, runtime = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
	for _, c := range []struct {
		name         string
		args         plugin.Args
		cni, runtime string
		want, key    string
		kind         fault.Kind
	}{
		{name: "none"},
		{name: "CNI_ARGS", args: plugin.Args{{"MAC", args}}, want: args},
		{name: "args.cni over CNI_ARGS", cni: cni, args: plugin.Args{{"MAC", args}}, want: cni},
		{name: "capability over all", cni: cni, runtime: runtime, args: plugin.Args{{"MAC", args}},
			want: runtime},
		{name: "unknown argument", args: plugin.Args{{"K8S", "x"}}, kind: fault.KindInvalidRequest,
			key: "args"},
		{name: "argument in another case is unknown", args: plugin.Args{{"mac", args}},
			kind: fault.KindInvalidRequest, key: "args"},
		{name: "unknown argument allowed", args: plugin.Args{{"K8S", "x"}, {"IgnoreUnknown", "True"},
			{"MAC", args}}, want: args},
		{name: "unknown argument disallowed", args: plugin.Args{{"K8S", "x"}, {"IgnoreUnknown", "0"}},
			kind: fault.KindInvalidRequest, key: "args"},
		{name: "IgnoreUnknown is not a boolean", args: plugin.Args{{"IgnoreUnknown", "maybe"}},
			kind: fault.KindInvalidRequest, key: "args"},
		{name: "no address", runtime: "x", kind: fault.KindInvalidConfig, key: "runtimeConfig.mac"},
		{name: "multicast", cni: "01:00:00:00:00:00", kind: fault.KindInvalidConfig, key: "args.cni.mac"},
		{name: "all zero", args: plugin.Args{{"MAC", "00:00:00:00:00:00"}}, kind: fault.KindInvalidConfig,
			key: "args"},
		{name: "eight bytes", args: plugin.Args{{"MAC", "02:00:00:00:00:00:00:01"}},
			kind: fault.KindInvalidConfig, key: "args"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mac, err := RequestedMAC(c.args, c.cni, c.runtime)
			var f *fault.Error
			if c.kind != "" {
				if !errors.As(err, &f) || f.Kind != c.kind || f.Details != c.key {
					t.Errorf("got %#v, want %s of %q", err, c.kind, c.key)
				}
				return
			}
			if err != nil || mac.String() != c.want {
				t.Errorf("got %s, %v; want %s", mac, err, c.want)
			}
		})
	}
}
