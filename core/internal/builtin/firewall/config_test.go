package firewall

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func TestConfigurationsThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		name, text, key string // key "" for none refused
	}{
		{"nothing but the version", `{"cniVersion":"0.4.0"}`, ""},
		{
			"all keys",
			`{"cniVersion":"1.1.0","backend":"nftables","iptablesAdminChainName":"MY-CHAIN.1","firewalldZone":"x","ingressPolicy":"isolated"}`, "",
		},
		{
			"empty keys",
			`{"cniVersion":"1.0.0","backend":"","iptablesAdminChainName":"","firewalldZone":"","ingressPolicy":""}`, "",
		},
		{"backend iptables", `{"cniVersion":"1.0.0","backend":"iptables"}`, ""},
		{"backend firewalld", `{"cniVersion":"1.0.0","backend":"firewalld"}`, ""},
		{"an old version", `{"cniVersion":"0.3.1"}`, "cniVersion"},
		{"no version", `{}`, "cniVersion"},
		{"an unknown backend", `{"cniVersion":"1.1.0","backend":"nft"}`, "backend"},
		{"a backend that is not a string", `{"cniVersion":"1.1.0","backend":7}`, "backend"},
		{"an unknown policy", `{"cniVersion":"1.1.0","ingressPolicy":"closed"}`, "ingressPolicy"},
		{
			"a chain's name with a quote", `{"cniVersion":"1.1.0","iptablesAdminChainName":"a\"b"}`,
			"iptablesAdminChainName",
		},
		{
			"a chain's name with a blank", `{"cniVersion":"1.1.0","iptablesAdminChainName":"a b"}`,
			"iptablesAdminChainName",
		},
		{
			"an option for a chain's name", `{"cniVersion":"1.1.0","iptablesAdminChainName":"-j"}`,
			"iptablesAdminChainName",
		},
		{
			"a chain's name of 29 characters",
			`{"cniVersion":"1.1.0","iptablesAdminChainName":"` + strings.Repeat("a", 29) + `"}`,
			"iptablesAdminChainName",
		},
		{
			"the host's own chain", `{"cniVersion":"1.1.0","iptablesAdminChainName":"FORWARD"}`,
			"iptablesAdminChainName",
		},
		{
			"a verdict", `{"cniVersion":"1.1.0","iptablesAdminChainName":"ACCEPT"}`,
			"iptablesAdminChainName",
		},
		{
			"our own chain", `{"cniVersion":"1.1.0","iptablesAdminChainName":"firewall-networks"}`,
			"iptablesAdminChainName",
		},
		{
			"a keyword of nft", `{"cniVersion":"1.1.0","iptablesAdminChainName":"drop"}`,
			"iptablesAdminChainName",
		},
		{
			"a chain of another plugin", `{"cniVersion":"1.1.0","iptablesAdminChainName":"masquerading"}`,
			"iptablesAdminChainName",
		},
		{
			"the private chain", `{"cniVersion":"1.1.0","iptablesAdminChainName":"CNI-FORWARD"}`,
			"iptablesAdminChainName",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse([]byte(test.text))
			wantRefused(t, err, test.key)
		})
	}
}

func wantRefused(t *testing.T, err error, key string) {
	t.Helper()
	var f *fault.Error
	switch {
	case key == "" && err != nil:
		t.Errorf("refused: %v", err)
	case key != "" && (!errors.As(err, &f) || f.Kind != fault.KindInvalidConfig || f.Details != key):
		t.Errorf("got %#v, want kind %s of %s", err, fault.KindInvalidConfig, key)
	}
}

func TestResultsThatAreRefused(t *testing.T) {
	bridged := &types100.Result{Interfaces: []*types100.Interface{{Name: "br0"}}}
	for _, test := range []struct {
		name, members string
		result        *plugin.Result
		key           string
	}{
		{"none", "", nil, "prevResult"},
		{"no interfaces and no policy", "", plugin.NewResult(nil), ""},
		{
			"no interfaces for a policy", `"ingressPolicy":"same-bridge"`, plugin.NewResult(nil),
			"ingressPolicy",
		},
		{"no bridge for a policy", `"ingressPolicy":"isolated"`,
			plugin.NewResult(
				&types100.Result{Interfaces: []*types100.Interface{{Name: "eth0", Sandbox: "/x"}}}),
			"ingressPolicy"},
		{"a bridge's name that cannot be", `"ingressPolicy":"isolated"`,
			plugin.NewResult(
				&types100.Result{Interfaces: []*types100.Interface{{Name: "0123456789abcdef"}}}), "prevResult"},
		{"a bridge's name that nft cannot quote", `"ingressPolicy":"same-bridge"`,
			plugin.NewResult(&types100.Result{Interfaces: []*types100.Interface{{Name: `br"0`}}}),
			"ingressPolicy"},
		{"a port's name that nft takes for a pattern", `"ingressPolicy":"isolated"`,
			plugin.NewResult(&types100.Result{
				Interfaces: []*types100.Interface{{Name: "br0"}, {Name: "port*"}}}), "ingressPolicy"},
		{"such a bridge without a policy", "",
			plugin.NewResult(&types100.Result{Interfaces: []*types100.Interface{{Name: `br"0`}}}), ""},
		{"a bridge", `"ingressPolicy":"isolated"`, plugin.NewResult(bridged), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := parse(written(test.members))
			kittest.Must(t, err)
			_, err = newAttachment(c, &plugin.Invocation{PrevResult: test.result})
			wantRefused(t, err, test.key)
		})
	}
}

func TestConfigurationsThatAreRefusedDoNotKeepDelFromWorking(t *testing.T) {
	r := newRig(t)
	c := kittest.Paper("a", 2)
	r.add(c, "")
	r.del(c, `"backend":"nft","ingressPolicy":"closed"`)
	kittest.Same(r.T, "elements", 0, strings.Count(kittest.Table(r.T, "inet"), "10.1.0.2"))
}

func TestStatusOfAKernelWithoutNFTables(t *testing.T) {
	lack := fmt.Errorf("open: %w", nft.ErrUnsupported)
	var f *fault.Error
	if err := filter.Unavailable(noNFTables(lack)); !errors.As(err, &f) ||
		f.Code != fault.CodePluginNotAvailable ||
		f.Kind != fault.KindUnsupported ||
		!strings.Contains(f.Msg, "CONFIG_NF_TABLES") {
		t.Errorf("got %#v", err)
	}
	if err := filter.IgnoreUnsupported(lack); err != nil {
		t.Errorf("DEL fails: %v", err)
	}
}

func TestStatus(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct {
		name, members string
		code          int64 // 0 for none
	}{
		{"default", "", 0},
		{"nftables", `"backend":"nftables"`, 0},
		{"iptables", `"backend":"iptables"`, 0},
		{"firewalld that does not run", `"backend":"firewalld"`, fault.CodePluginNotAvailable},
		{"unknown", `"backend":"nft"`, fault.CodeInvalidConfig},
	} {
		err := r.plugin().Status(t.Context(), r.invocation(kittest.Paper("a", 2), test.members))
		var f *fault.Error
		if errors.As(err, &f); (err == nil) != (test.code == 0) || f != nil && f.Code != test.code {
			t.Errorf("%s: %v, want code %d", test.name, err, test.code)
		}
	}
	if _, err := r.plugin().Add(t.Context(),
		r.invocation(kittest.Paper("a", 2), `"backend":"firewalld"`)); err == nil {
		t.Error("ADD with a firewalld that does not run")
	}
	kittest.Same(r.T, "rules", "", kittest.Ruleset(r.T))
}

// TestNoProcessIsStarted holds for all but hosts with the older tables.
func TestNoProcessIsStarted(t *testing.T) {
	r := newRig(t)
	kittest.Run(r.T, "iptables-nft", "-P", "FORWARD", "DROP")
	c := kittest.Paper("a", 2)
	inv := r.invocation(c, `"ingressPolicy":"isolated"`)
	inv.Lent.(*kit.Lent).Start = func(s spawn.Spec) (spawn.Started, error) {
		t.Errorf("starts %v", s.Args)
		return spawn.Started{}, errors.New("no processes here")
	}
	p := r.plugin()
	_, err := p.Add(t.Context(), inv)
	kittest.Must(
		t,
		errors.Join(err, p.Check(t.Context(), inv), p.Repair(t.Context(), inv),
			p.Status(t.Context(), inv), p.Del(t.Context(), inv), p.Del(t.Context(), inv),
			p.GC(t.Context(), inv)),
	)
}
