package plugin

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
)

func mustParse(t *testing.T, text, version string) *Result {
	t.Helper()
	r, err := ParseResult([]byte(text), version)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func mustJSON(t *testing.T, r *Result, version string) string {
	t.Helper()
	text, err := r.JSON(version)
	if err != nil {
		t.Fatalf("to %s: %v", version, err)
	}
	return string(text)
}

// summary is what must survive in any version that can say it.
func summary(t *testing.T, r *Result) string {
	t.Helper()
	value, err := r.Value()
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	for _, link := range value.Interfaces {
		fmt.Fprintf(&s, "link %s %s in %q\n", link.Name, link.Mac, link.Sandbox)
	}
	for _, ip := range value.IPs {
		fmt.Fprintf(&s, "address %s gateway %s", ip.Address.String(), ip.Gateway)
		if ip.Interface != nil {
			fmt.Fprintf(&s, " on %s", value.Interfaces[*ip.Interface].Name)
		}
		s.WriteByte('\n')
	}
	for _, route := range value.Routes {
		fmt.Fprintf(&s, "route %s via %s\n", route.Dst.String(), route.GW)
	}
	fmt.Fprintf(&s, "dns %v %s\n", value.DNS.Nameservers, value.DNS.Domain)
	return s.String()
}

const fullSummary = `link cni0 0e:00:00:00:00:01 in ""
link eth0 0e:00:00:00:00:02 in "/run/netns/c1"
address 10.1.2.3/24 gateway 10.1.2.1 on eth0
address fd00::3/64 gateway fd00::1 on eth0
route 0.0.0.0/0 via 10.1.2.1
route ::/0 via fd00::1
dns [10.1.2.1] example.org
`

const oldSummary = `address 10.1.2.3/24 gateway 10.1.2.1
address fd00::3/64 gateway fd00::1
route 0.0.0.0/0 via 10.1.2.1
route ::/0 via fd00::1
dns [10.1.2.1] example.org
`

const (
	full100 = `{"cniVersion":"VERSION","interfaces":[{"name":"cni0","mac":"0e:00:00:00:00:01"},{"name":"eth0","mac":"0e:00:00:00:00:02","sandbox":"/run/netns/c1"}],` +
		`"ips":[{"interface":1,"address":"10.1.2.3/24","gateway":"10.1.2.1"},{"interface":1,"address":"fd00::3/64","gateway":"fd00::1"}],` +
		`"routes":[{"dst":"0.0.0.0/0","gw":"10.1.2.1"},{"dst":"::/0","gw":"fd00::1"}],"dns":{"nameservers":["10.1.2.1"],"domain":"example.org"}}`
	full020 = `{"cniVersion":"VERSION","ip4":{"ip":"10.1.2.3/24","gateway":"10.1.2.1","routes":[{"dst":"0.0.0.0/0","gw":"10.1.2.1"}]},` +
		`"ip6":{"ip":"fd00::3/64","gateway":"fd00::1","routes":[{"dst":"::/0","gw":"fd00::1"}]},"dns":{"nameservers":["10.1.2.1"],"domain":"example.org"}}`
)

var full040 = strings.NewReplacer(`{"interface":1,"address":"10`,
	`{"version":"4","interface":1,"address":"10`,
	`{"interface":1,"address":"fd`, `{"version":"6","interface":1,"address":"fd`).Replace(full100)

// full returns the same attachment in any version.
func full(version string) string {
	text := full100
	switch {
	case isOld(version):
		text = full020
	case strings.HasPrefix(version, "0."):
		text = full040
	}
	return strings.Replace(text, "VERSION", version, 1)
}

func TestResultConvertsBetweenAllVersions(t *testing.T) {
	for _, from := range Versions() {
		for _, to := range Versions() {
			t.Run(from+" to "+to, func(t *testing.T) {
				text := mustJSON(t, mustParse(t, full(from), ""), to)
				if !isOld(from) || isOld(to) {
					if diff := cmp.Diff(full(to), text); diff != "" {
						t.Errorf("(-want +got)\n%s", diff)
					}
				}
				want := fullSummary
				if isOld(from) || isOld(to) {
					want = oldSummary
				}
				if diff := cmp.Diff(want, summary(t, mustParse(t, text, ""))); diff != "" {
					t.Errorf("read again (-want +got)\n%s", diff)
				}
			})
		}
	}
}

func TestResultInItsOwnVersionIsWhatThePluginWrote(t *testing.T) {
	const text = `{ "ips":[], "cniVersion" : "1.0.0", "vendor/x":{"n":18446744073709551615,"f":1.50}, "dns":{} }`
	r := mustParse(t, "\n"+text+"\n", "0.4.0")
	if diff := cmp.Diff(text, mustJSON(t, r, "1.0.0")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(`{"cniVersion":"1.1.0"}`, mustJSON(t, r, "1.1.0")); diff != "" {
		t.Errorf("converted (-want +got)\n%s", diff)
	}
}

func TestResultDoesNotKeepTheCallersBytes(t *testing.T) {
	text := []byte(`{"cniVersion":"1.0.0","dns":{"domain":"a"}}`)
	r := mustParse(t, string(text), "")
	r2, err := ParseResult(text, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		text[i] = 'x'
	}
	if diff := cmp.Diff(mustJSON(t, r, "1.0.0"), mustJSON(t, r2, "1.0.0")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestResultWithoutVersion(t *testing.T) {
	tests := []struct{ name, text, version, want string }{
		{"takes the given", `{"ips":[{"address":"10.0.0.2/8"}]}`, "1.0.0",
			`{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/8"}]}`},
		{"keeps what is unknown", `{"x":1,"ips":[]}`, "0.4.0", `{"cniVersion":"0.4.0","x":1,"ips":[]}`},
		{"empty", `{"cniVersion":"","x":1}`, "1.1.0", `{"cniVersion":"1.1.0","x":1}`},
		{"null", `{"CniVersion":null}`, "1.1.0", `{"cniVersion":"1.1.0"}`},
		{"none given either", `{"ip4":{"ip":"10.0.0.2/8"}}`, "",
			`{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/8"}}`},
		{"a null result", ` null`, "1.0.0", `{"cniVersion":"1.0.0"}`},
		{"an empty result", `{}`, "0.1.0", `{"cniVersion":"0.1.0"}`},
		{"in another case", `{"CNIVersion":"1.0.0"}`, "1.0.0", `{"CNIVersion":"1.0.0"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustJSON(t, mustParse(t, test.text, test.version), test.version)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestResultIsTakenWithWhatPluginsDo(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no interfaces", `{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/8"}]}`,
			"address 10.0.0.2/8 gateway <nil>\ndns [] \n"},
		{"an index without interfaces",
			`{"cniVersion":"0.3.1","ips":[{"version":"4","interface":0,"address":"10.0.0.2/8"}]}`,
			"address 10.0.0.2/8 gateway <nil>\ndns [] \n"},
		{"index -1",
			`{"cniVersion":"0.3.0","interfaces":[{"name":"a"}],"ips":[{"version":"4","interface":-1,"address":"10.0.0.2/8"}]}`,
			"link a  in \"\"\naddress 10.0.0.2/8 gateway <nil>\ndns [] \n"},
		{"a key twice", `{"cniVersion":"1.0.0","dns":{"domain":"a"},"dns":{"domain":"b"}}`, "dns [] b\n"},
		{"text that is not UTF-8", "{\"cniVersion\":\"1.0.0\",\"dns\":{\"domain\":\"a\xff\"}}",
			"dns [] a\ufffd\n"},
		{"addresses without version", `{"cniVersion":"0.4.0","ips":[{"address":"fd00::2/64"}]}`,
			"address fd00::2/64 gateway <nil>\ndns [] \n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := mustParse(t, test.text, "")
			if diff := cmp.Diff(test.want, summary(t, r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for _, version := range Versions() {
				mustParse(t, mustJSON(t, r, version), "")
			}
		})
	}
}

func TestParseResultRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "result: it is empty"},
		{"no JSON", "Segmentation fault", "result: not valid JSON"},
		{"text behind", "{}{}", "more text follows"},
		{"an array", "[]", "expected an object, got an array"},
		{"a version of a wrong type", `{"cniVersion":1}`, "cniVersion: expected a string, got a number"},
		{"an unknown version", `{"cniVersion":"9.0.0"}`, `result of version 9.0.0`},
		{
			"an index too high",
			`{"cniVersion":"1.0.0","interfaces":[{"name":"a"}],"ips":[{"address":"10.0.0.2/8","interface":1}]}`, "ips[0].interface: there is no interface 1; the result has 1",
		},
		{
			"an index too low",
			`{"cniVersion":"0.4.0","interfaces":[{"name":"a"}],"ips":[{"version":"4","address":"10.0.0.2/8","interface":-2}]}`, "ips[0].interface: there is no interface -2",
		},
		{"a null address 1.x", `{"cniVersion":"1.1.0","ips":[null]}`, "ips[0]: missing"},
		{"a null address 0.4", `{"cniVersion":"0.4.0","ips":[null]}`, "ips[0]: missing"},
		{"an address without network", `{"cniVersion":"1.1.0","ips":[{"gateway":"10.0.0.1"}]}`,
			"ips[0].address: missing"},
		{"an address without prefix length", `{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.1"}]}`,
			"invalid CIDR"},
		{"a null interface 1.x", `{"cniVersion":"1.1.0","interfaces":[null]}`, "interfaces[0]: missing"},
		{"a null interface 0.3", `{"cniVersion":"0.3.1","interfaces":[null]}`, "interfaces[0]: missing"},
		{"a null route", `{"cniVersion":"0.4.0","routes":[null]}`, "routes[0]: missing"},
		{"a route without destination", `{"cniVersion":"1.0.0","routes":[{"gw":"10.0.0.1"}]}`,
			"routes[0].dst: missing"},
		{"an old result without address", `{"cniVersion":"0.2.0","ip4":{}}`, "ip4.ip: missing"},
		{"an old route without destination",
			`{"cniVersion":"0.2.0","ip6":{"ip":"fd00::1/64","routes":[{}]}}`, "ip6.routes[0].dst: missing"},
		{"a wrong type", `{"cniVersion":"1.0.0","ips":"10.0.0.1"}`, "cannot unmarshal string"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := ParseResult([]byte(test.text), "1.0.0")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %+v, error %v; want an error with %q", r, err, test.want)
			}
		})
	}
}

func address(t *testing.T, s string) net.IPNet {
	t.Helper()
	parsed, err := types.ParseCIDR(s)
	if err != nil {
		t.Fatal(err)
	}
	return *parsed
}

func TestBuiltinsResult(t *testing.T) {
	table := 4294967295
	given := &types100.Result{
		Interfaces: []*types100.Interface{{Name: "eth0", Mtu: 1400}},
		IPs:        []*types100.IPConfig{{Interface: types100.Int(0), Address: address(t, "10.0.0.2/8")}},
		Routes: []*types.Route{{Dst: address(t, "0.0.0.0/0"), Priority: 9007199254740993,
			Table: &table}},
	}
	r := NewResult(given)
	want := map[string]string{
		"1.1.0": `{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","mtu":1400}],"ips":[{"interface":0,"address":"10.0.0.2/8"}],"routes":[{"dst":"0.0.0.0/0","priority":9007199254740993,"table":4294967295}]}`,
		"0.4.0": `{"cniVersion":"0.4.0","interfaces":[{"name":"eth0"}],"ips":[{"version":"4","interface":0,"address":"10.0.0.2/8"}],"routes":[{"dst":"0.0.0.0/0","priority":9007199254740993,"table":4294967295}]}`,
		"0.2.0": `{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/8","routes":[{"dst":"0.0.0.0/0"}]}}`,
	}
	for version, text := range want {
		if diff := cmp.Diff(text, mustJSON(t, r, version)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", version, diff)
		}
	}
	if given.CNIVersion != "" {
		t.Errorf("the built-in's result was changed: version %q", given.CNIVersion)
	}
	if _, err := r.JSON("7.0.0"); err == nil {
		t.Error("converted to version 7.0.0")
	}
}

func TestResultWithoutAddressesInOldVersions(t *testing.T) {
	r := NewResult(&types100.Result{Interfaces: []*types100.Interface{{Name: "eth0"}},
		DNS: types.DNS{Domain: "a"}})
	if diff := cmp.Diff(`{"cniVersion":"0.2.0","dns":{"domain":"a"}}`,
		mustJSON(t, r, "0.2.0")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(`{"cniVersion":"0.1.0"}`, mustJSON(t, NewResult(nil), "0.1.0")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestVersionsIsTheCallersOwn(t *testing.T) {
	Versions()[0] = "changed"
	want := []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}
	if diff := cmp.Diff(want, Versions()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// addresses lists the addresses that a version can say: one of each family before 0.3.0.
func addresses(value *types100.Result, old bool) []string {
	var list []string
	var has4, has6 bool
	for _, ip := range value.IPs {
		has := &has6
		if ip.Address.IP.To4() != nil {
			has = &has4
		}
		if !old || !*has {
			list = append(list, ip.Address.String())
		}
		*has = true
	}
	if old && len(list) == 2 && strings.Contains(list[0], ":") {
		list[0], list[1] = list[1], list[0] // ip4 comes first there
	}
	return list
}

// FuzzResult: whatever a plugin writes is refused, or can be had in every version with its
// addresses.
func FuzzResult(f *testing.F) {
	for _, version := range Versions() {
		f.Add([]byte(full(version)), version)
	}
	f.Fuzz(func(t *testing.T, data []byte, version string) {
		r, err := ParseResult(data, version)
		if err != nil {
			return
		}
		value, err := r.Value()
		if err != nil {
			t.Fatal(err)
		}
		for _, ip := range value.IPs {
			if ip.Interface != nil {
				_ = value.Interfaces[*ip.Interface]
			}
		}
		for _, to := range Versions() {
			text, err := r.JSON(to)
			if err != nil {
				t.Fatalf("%q to %s: %v", data, to, err)
			}
			if !json.Valid(text) {
				t.Fatalf("%q to %s is %q", data, to, text)
			}
			again, err := ParseResult(text, "")
			if err != nil {
				t.Fatalf("%q to %s is %q: %v", data, to, text, err)
			}
			old := isOld(to)
			if diff := cmp.Diff(addresses(value, old), addresses(again.value, old)); diff != "" {
				t.Fatalf("%q to %s and back (-want +got)\n%s", data, to, diff)
			}
		}
	})
}

// A result without version is not read as one of a version that lacks its keys.
func TestResultWithoutAnyVersion(t *testing.T) {
	for _, test := range []struct{ result, version, want string }{
		{`{"ip4":{"ip":"10.0.0.2/24"}}`, "", "0.2.0"},
		{`{"ip4":{"ip":"10.0.0.2/24"}}`, "1.0.0", "0.1.0"},
		{`{"ip4":{"ip":"10.0.0.2/24"}}`, "0.2.0", "0.2.0"},
		{`{"ips":[{"address":"10.0.0.2/24"}]}`, "1.0.0", "1.0.0"},
		{`{"ips":[{"address":"10.0.0.2/24"}]}`, "", ""},
		{`{"interfaces":[]}`, "", ""},
		{`{"dns":{}}`, "", "0.2.0"},
		{`{}`, "", "0.2.0"},
	} {
		r, err := ParseResult([]byte(test.result), test.version)
		switch {
		case test.want == "" && (err == nil || !strings.Contains(err.Error(), "cniVersion")):
			t.Errorf("%s under %q: %v", test.result, test.version, err)
		case test.want != "" && (err != nil || r.version != test.want):
			t.Errorf("%s under %q: %+v, %v; want %s", test.result, test.version, r, err, test.want)
		}
	}
}
