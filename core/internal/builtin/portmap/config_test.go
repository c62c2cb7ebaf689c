package portmap

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
)

func mappings(list string) string { return `{"runtimeConfig":{"portMappings":[` + list + `]}}` }

func TestInvalidConfigurationsNameTheKey(t *testing.T) {
	const first, second = "runtimeConfig.portMappings[0]", "runtimeConfig.portMappings[1]"
	for _, c := range []struct{ name, config, key, text string }{
		{"not an object", `[]`, "", "got an array"},
		{"unknown backend", `{"backend":"ipfw"}`, "backend", `"ipfw"`},
		{
			"chain of iptables", `{"backend":"nftables","externalSetMarkChain":"X"}`, "externalSetMarkChain",
			"iptables",
		},
		{"negative mark bit", `{"markMasqBit":-1}`, "markMasqBit", "-1"},
		{"mark bit too high", `{"markMasqBit":32}`, "markMasqBit", "32"},
		{
			"host port 0", mappings(`{"hostPort":0,"containerPort":80}`), first + ".hostPort",
			"0 is not between",
		},
		{
			"host port 65536", mappings(`{"hostPort":65536,"containerPort":80}`), first + ".hostPort",
			"65536 is not between",
		},
		{
			"container port 0", mappings(`{"hostPort":80,"containerPort":0}`), first + ".containerPort",
			"0 is not between",
		},
		{
			"container port 65536", mappings(`{"hostPort":80,"containerPort":65536}`),
			first + ".containerPort", "65536 is not between",
		},
		{"negative port", mappings(`{"hostPort":-80,"containerPort":80}`), first + ".hostPort", "-80"},
		{
			"port of the wrong type", mappings(`{"hostPort":"80","containerPort":80}`),
			"runtimeConfig.portMappings.hostPort", "string",
		},
		{
			"unknown protocol", mappings(`{"hostPort":80,"containerPort":80,"protocol":"icmp"}`),
			first + ".protocol", `"icmp"`,
		},
		{
			"negative range", mappings(`{"hostPort":80,"containerPort":80,"range":-1}`), first + ".range",
			"-1",
		},
		{
			"range beyond the last port", mappings(`{"hostPort":65535,"containerPort":80,"range":2}`),
			first + ".range", "beyond 65535",
		},
		{
			"range beyond the container's last port",
			mappings(`{"hostPort":80,"containerPort":65530,"range":7}`), first + ".range", "beyond 65535",
		},
		{
			"gigantic range", mappings(`{"hostPort":1,"containerPort":1,"range":9223372036854775807}`),
			first + ".range", "beyond 65535",
		},
		{
			"host IP", mappings(`{"hostPort":80,"containerPort":80,"hostIP":"here"}`), first + ".hostIP",
			`"here"`,
		},
		{
			"host IP with zone", mappings(`{"hostPort":80,"containerPort":80,"hostIP":"fe80::1%eth0"}`),
			first + ".hostIP", "fe80::1%eth0",
		},
		{
			"multicast host IP", mappings(`{"hostPort":80,"containerPort":80,"hostIP":"224.0.0.1"}`),
			first + ".hostIP", "224.0.0.1",
		},
		{
			"IPv6 localhost", mappings(`{"hostPort":80,"containerPort":80,"hostIP":"::1"}`),
			first + ".hostIP", "::1",
		},
		{
			"twice", mappings(`{"hostPort":80,"containerPort":80},{"hostPort":80,"containerPort":81}`),
			second, "tcp 80 overlaps tcp 80 of " + first,
		},
		{
			"overlapping ranges",
			mappings(
				`{"hostPort":80,"containerPort":80,"range":10},{"hostPort":89,"containerPort":1,"range":10}`),
			second, "tcp 89-98 overlaps tcp 80-89",
		},
		{
			"address within all",
			mappings(
				`{"hostPort":80,"containerPort":80},{"hostPort":80,"containerPort":81,"hostIP":"192.0.2.1"}`),
			second, "tcp 192.0.2.1:80 overlaps tcp 80",
		},
		{
			"address within all of its family",
			mappings(
				`{"hostPort":80,"containerPort":80,"hostIP":"::"},{"hostPort":80,"containerPort":81,"hostIP":"fd00::1"}`), second, "tcp [fd00::1]:80",
		},
		{"condition", `{"conditionsV4":["ip saddr nowhere"]}`, "conditionsV4", `"nowhere"`},
		{
			"condition of iptables", `{"backend":"nftables","conditionsV6":["-s","fd00::/8"]}`,
			"conditionsV6", `"-s"`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse([]byte(c.config))
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.KindInvalidConfig || f.Details != c.key ||
				!strings.Contains(f.Msg, c.text) {
				t.Errorf("got %#v, want invalid-config of %q with %q", err, c.key, c.text)
			}
		})
	}
}

func TestMappingsThatDoNotOverlap(t *testing.T) {
	for _, c := range []struct {
		name, config string
		want         []string
	}{
		{"none", `{}`, nil},
		{"defaults", mappings(`{"hostPort":8080,"containerPort":80}`), []string{"tcp 8080"}},
		{"protocols",
			mappings(
				`{"hostPort":53,"containerPort":53,"protocol":"UDP"},{"hostPort":53,"containerPort":53,"protocol":"tcp"},{"hostPort":53,"containerPort":53,"protocol":"sctp"}`),
			[]string{"udp 53", "tcp 53", "sctp 53"}},
		{
			"neighbouring ranges",
			mappings(
				`{"hostPort":80,"containerPort":80,"range":10},{"hostPort":90,"containerPort":80,"range":1}`),
			[]string{"tcp 80-89", "tcp 90"},
		},
		{
			"to the last port", mappings(`{"hostPort":65530,"containerPort":1,"range":6}`),
			[]string{"tcp 65530-65535"},
		},
		{
			"families",
			mappings(
				`{"hostPort":80,"containerPort":80,"hostIP":"0.0.0.0"},{"hostPort":80,"containerPort":80,"hostIP":"::"}`), []string{"tcp 80", "tcp 80"},
		},
		{"addresses",
			mappings(
				`{"hostPort":80,"containerPort":80,"hostIP":"192.0.2.1"},{"hostPort":80,"containerPort":80,"hostIP":"::ffff:192.0.2.2"}`),
			[]string{"tcp 192.0.2.1:80", "tcp 192.0.2.2:80"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, err := parse([]byte(c.config))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range conf.mappings {
				got = append(got, m.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnsupportedKeysAreThoseOfIPTables(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{`{}`, ""},
		{`{"backend":"nftables"}`, ""},
		{`{"backend":"other"}`, ""}, // refused by name when it runs
		{`{"backend":"iptables"}`, "backend"},
		{`{"externalSetMarkChain":"KUBE-MARK-MASQ"}`, "externalSetMarkChain"},
		{`{"conditionsV4":["!","-d","192.0.2.0/24"]}`, "conditionsV4"},
		{`{"conditionsV6":["-d","fd00::/8"]}`, "conditionsV6"},
		{`{"conditionsV4":["ip daddr 192.0.2.1"]}`, ""},
		{`{"backend":"nftables","conditionsV4":["-d","192.0.2.0/24"]}`, ""},
	} {
		if got := New().Unsupported([]byte(c.config)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.config, got, c.want)
		}
	}
}

func describeConditions(all []condition) []string {
	var lines []string
	for _, c := range all {
		var words []string
		for _, m := range c {
			word := m.field
			if m.not {
				word += " !="
			}
			if m.value.network.IsValid() {
				word += " " + m.value.network.String()
			} else {
				word += fmt.Sprintf(" %x", m.value.first)
			}
			if m.value.last != nil {
				word += fmt.Sprintf("-%x", m.value.last)
			}
			words = append(words, word)
		}
		lines = append(lines, strings.Join(words, ", "))
	}
	return lines
}

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		name   string
		family family
		lines  []string
		want   []string
		refuse string // the word that the error names
	}{
		{name: "none", family: v4},
		{
			name: "network", family: v4, lines: []string{"ip saddr 10.1.2.3/8"},
			want: []string{"ip saddr 10.0.0.0/8"},
		},
		{
			name: "not a network", family: v4, lines: []string{"ip", "daddr", "!=", "192.0.2.0/24"},
			want: []string{"ip daddr != 192.0.2.0/24"},
		},
		{
			name: "explicitly equal", family: v4, lines: []string{"ip saddr == 10.0.0.1"},
			want: []string{"ip saddr 0a000001"},
		},
		{
			name: "one address as network", family: v4, lines: []string{"ip saddr 10.0.0.1/32"},
			want: []string{"ip saddr 0a000001"},
		},
		{
			name: "run of addresses", family: v4, lines: []string{"ip saddr 10.0.0.1-10.0.0.9"},
			want: []string{"ip saddr 0a000001-0a000009"},
		},
		{name: "several matches", family: v4, lines: []string{"iifname eth0", "tcp dport 80"},
			want: []string{"iifname 65746830000000000000000000000000, meta l4proto 06, tcp dport 0050"}},
		{
			name: "list", family: v4, lines: []string{"ip saddr { 10.0.0.1, 10.1.0.0/16 }"},
			want: []string{"ip saddr 0a000001", "ip saddr 10.1.0.0/16"},
		},
		{
			name: "list with a comma at its end", family: v4, lines: []string{"udp dport {53,}"},
			want: []string{"meta l4proto 11, udp dport 0035"},
		},
		{
			name: "none of a list", family: v4, lines: []string{"ip saddr != {10.0.0.1,10.0.0.2}"},
			want: []string{"ip saddr != 0a000001, ip saddr != 0a000002"},
		},
		{name: "lists multiply", family: v4,
			lines: []string{"ip saddr {10.0.0.1,10.0.0.2} th dport {1,2}"}, want: []string{
				"ip saddr 0a000001, th dport 0001", "ip saddr 0a000001, th dport 0002",
				"ip saddr 0a000002, th dport 0001", "ip saddr 0a000002, th dport 0002"}},
		{
			name: "links", family: v6, lines: []string{`iifname != "br*"`},
			want: []string{"iifname != 6272"},
		},
		{
			name: "ports", family: v6, lines: []string{"ip6 saddr fd00::/8 sctp sport 1000-2000"},
			want: []string{"ip6 saddr fd00::/8, meta l4proto 84, sctp sport 03e8-07d0"},
		},
		{
			name: "MAC address", family: v4, lines: []string{"ether saddr 2:0:0:0:0:ff"},
			want: []string{"ether saddr 0200000000ff"},
		},
		{
			name: "protocol", family: v4, lines: []string{"meta l4proto != udp"},
			want: []string{"meta l4proto != 11"},
		},

		{name: "other family", family: v4, lines: []string{"ip6 saddr fd00::/8"}, refuse: "ip6 saddr"},
		{
			name: "address of the other family", family: v6, lines: []string{"ip6 saddr 10.0.0.1"},
			refuse: "10.0.0.1",
		},
		{name: "unknown match", family: v4, lines: []string{"ct state new"}, refuse: "ct state"},
		{name: "no value", family: v4, lines: []string{"ip saddr"}, refuse: "ip saddr"},
		{
			name: "no value after the operator", family: v4, lines: []string{"ip saddr !="},
			refuse: "ip saddr",
		},
		{name: "verdict", family: v4, lines: []string{"ip saddr 10.0.0.1 drop"}, refuse: "drop"},
		{name: "open list", family: v4, lines: []string{"ip saddr { 10.0.0.1"}, refuse: ""},
		{
			name: "list without commas", family: v4, lines: []string{"ip saddr { 10.0.0.1 10.0.0.2 }"},
			refuse: "10.0.0.2",
		},
		{name: "port 65536", family: v4, lines: []string{"tcp dport 65536"}, refuse: "65536"},
		{name: "ports upside down", family: v4, lines: []string{"tcp dport 9-8"}, refuse: "9-8"},
		{name: "half a quote", family: v4, lines: []string{`iifname "eth0`}, refuse: `\"eth0`},
		{
			name: "name of a link too long", family: v4, lines: []string{"iifname abcdefghijklmnop"},
			refuse: "abcdefghijklmnop",
		},
		{
			name: "quote and 300 letters", family: v4,
			lines: []string{`iifname "` + strings.Repeat("a", 300) + `"`}, refuse: strings.Repeat("a", 300),
		},
		{
			name: "too many combinations", family: v4,
			lines:  []string{"th dport {1,2,3,4,5,6,7,8,9} th sport {1,2,3,4,5,6,7,8}"},
			refuse: "combinations",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseConditions("conditionsV4", c.family, c.lines)
			var f *fault.Error
			refused := errors.As(err, &f) && f.Kind == fault.KindInvalidConfig &&
				f.Details == "conditionsV4"
			if c.want == nil && c.name != "none" {
				if !refused || !strings.Contains(f.Msg, c.refuse) {
					t.Errorf("got %v, want a refusal of %q", err, c.refuse)
				}
				return
			}
			if diff := cmp.Diff(c.want, describeConditions(got)); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// FuzzConditions: what is taken can be made a rule of, and what is refused names the key.
func FuzzConditions(f *testing.F) {
	for _, line := range []string{
		"ip saddr 10.0.0.0/8", "ip saddr != { 10.0.0.1, 10.0.0.2-10.0.0.3 } tcp dport 80",
		`iifname "eth*"`, "th sport {1,}", "mark 0x10", "ip", "{", "==",
	} {
		f.Add(line, "", true)
	}
	f.Fuzz(func(t *testing.T, one, two string, four bool) {
		family := v6
		if four {
			family = v4
		}
		all, err := parseConditions("conditionsV4", family, []string{one, two})
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || e.Details != "conditionsV4" {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(all) > maxAlternatives {
			t.Fatalf("%d alternatives", len(all))
		}
		for _, c := range all {
			if len(c) == 0 || len(c.expressions()) < len(c) {
				t.Fatalf("nothing to match in %q %q", one, two)
			}
		}
	})
}

// FuzzPortMappings: what is taken is within the range of ports, and does not overlap.
func FuzzPortMappings(f *testing.F) {
	f.Add(
		[]byte(
			mappings(
				`{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"10.0.0.1"},{"hostPort":9000,"containerPort":1,"range":100}`,
			),
		),
	)
	f.Add(
		[]byte(
			mappings(
				`{"hostPort":65535,"containerPort":65535,"range":1,"protocol":"SCTP"},{"hostPort":1,"containerPort":1,"hostIP":"::"}`,
			),
		),
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse(data)
		if err != nil {
			return
		}
		for i, m := range c.mappings {
			if m.hostPort < 1 || m.containerPort < 1 || m.count < 1 ||
				m.hostPort+m.count-1 > maxPort ||
				m.containerPort+m.count-1 > maxPort {
				t.Fatalf("%+v", m)
			}
			for _, other := range c.mappings[:i] {
				if m.overlaps(other) || other.overlaps(m) {
					t.Fatalf("%s and %s", m, other)
				}
			}
		}
	})
}
