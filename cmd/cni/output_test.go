package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One attachment with a result of the current version, one of another runtime with an old one, one
// without.
const someAttachments = `{"asOf":"x","attachments":[
{"network":"web","containerId":"c1","ifName":"eth0","netns":"/run/netns/a","owner":"libcni","state":"attached","args":[["IP","10.1.0.2"]],"capabilityArgs":{"portMappings":[{"hostPort":8080,"containerPort":80},{"hostPort":8000,"containerPort":9000,"protocol":"udp","hostIP":"::1","range":10}],"mac":"x"},
 "config":{"plugins":[{"type":"bridge","ipMasq":true,"macspoofchk":true},{"type":"portmap","snat":false},{"type":"firewall"},{"type":"other"}]},
 "result":{"cniVersion":"1.1.0","interfaces":[{"name":"br0","mac":"aa:bb:cc:dd:ee:ff"},{"name":"eth0","sandbox":"/run/netns/a"}],
 "ips":[{"address":"10.1.0.2/24","gateway":"10.1.0.1"},{"address":"fd00::2/64"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.1"},{"dst":"10.9.0.0/16"}],"dns":{"nameservers":["9.9.9.9"]}}},
{"network":"old","containerId":"c1","ifName":"eth1","netns":"/proc/7/ns/net","owner":"","state":"stale","result":{"cniVersion":"0.2.0","ip4":{"ip":"10.2.0.2/24","gateway":"10.2.0.1","routes":[{"dst":"0.0.0.0/0"}]}}},
{"network":"half","containerId":"c1","ifName":"eth2","netns":"/run/netns/a","owner":"libcni","state":"incomplete"}]}`

func TestTables(t *testing.T) {
	r := &recorder{answers: map[string]string{
		"attachments": someAttachments,
		"networks":    `{"networks":[{"name":"web","cniVersion":"1.1.0","file":"/c/web.conflist","plugins":["bridge","portmap"]}],"errors":[{"file":"/c/bad.conf","msg":"not JSON"}]}`,
		"validate":    `{"capabilities":["ips","portMappings"],"plugins":[{"type":"bridge","builtin":true,"path":"","supportedVersions":["1.0.0","1.1.0"]},{"type":"x","builtin":false,"path":"/p/x","supportedVersions":["0.4.0"]}],"warnings":[{"key":"a","msg":"a: unknown key"}]}`,
		"schema":      `{"schema":{"$ref":"#/$defs/x"}}`,
		"plugins":     `{"plugins":[{"type":"bridge","builtin":true,"supportedVersions":["1.0.0","1.1.0"]}]}`,
		"gc":          `{"removed":[{"network":"web","containerId":"c1","ifName":"eth0"}]}`,
		"del":         `{"found":false,"removed":[]}`,
	}}
	for _, test := range []struct{ name, line, out, errOut string }{
		{name: "list", line: "list",
			out: `NETWORK  CONTAINER  INTERFACE  ADDRESSES               PORTS                                        STATE       OWNER   NAMESPACE
web      c1         eth0       10.1.0.2/24,fd00::2/64  8080->80/tcp,[::1]:8000-8009->9000-9009/udp  attached    libcni  /run/netns/a
old      c1         eth1       10.2.0.2/24             -                                            stale       -       /proc/7/ns/net
half     c1         eth2       -                       -                                            incomplete  libcni  /run/netns/a
`},
		{name: "ids only", line: "list -q", out: "c1\n"},
		{name: "without headings", line: "networks --no-headers",
			out: "web  1.1.0  bridge,portmap  /c/web.conflist\n", errOut: "cni: /c/bad.conf: not JSON\n"},
		{name: "a template", line: `list --format {{.Network}}\t{{.Container|upper}}`,
			out: "web\tC1\nold\tC1\nhalf\tC1\n"},
		{name: "a template for JSON", line: `plugins --format {{.|json}}`,
			out: `{"Plugin":"bridge","Versions":"1.0.0 1.1.0","Where":"built in"}` + "\n"},
		{name: "lines of JSON", line: `plugins --format json`,
			out: `{"Plugin":"bridge","Versions":"1.0.0 1.1.0","Where":"built in"}` + "\n"},
		{name: "the table by its name", line: "networks --format table --no-headers",
			out: "web  1.1.0  bridge,portmap  /c/web.conflist\n", errOut: "cni: /c/bad.conf: not JSON\n"},
		{name: "networks, with the files that are wrong", line: "networks",
			out: `NETWORK  VERSION  PLUGINS         FILE
web      1.1.0    bridge,portmap  /c/web.conflist
`, errOut: "cni: /c/bad.conf: not JSON\n"},
		{name: "validate", line: "validate web", out: `PLUGIN  WHERE     VERSIONS
bridge  built in  1.0.0 1.1.0
x       /p/x      0.4.0
capabilities: ips, portMappings
`, errOut: "cni: warning: a: unknown key\n"},
		{name: "schema", line: "schema", out: "{\n    \"$ref\": \"#/$defs/x\"\n}\n"},
		{name: "gc", line: "gc web --all", out: `REMOVED  CONTAINER  INTERFACE
web      c1         eth0
`},
		{name: "gc that only says", line: "gc web --all --dry-run",
			out: `WOULD REMOVE  CONTAINER  INTERFACE
web           c1         eth0
`},
		{name: "del that finds nothing", line: "del --id c9",
			errOut: "cni: container c9 was not attached\n"},
		{name: "del of a shortened id says which there is", line: "del --id c",
			errOut: "cni: container c was not attached; attached is c1\n"},
		{name: "check is silent", line: "check --id c1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errOut := runLine(r, nil, test.line)
			if diff := cmp.Diff([]any{exitDone, test.out, test.errOut},
				[]any{code, out, errOut}); diff != "" {
				t.Errorf("status, output, standard error (-want +got):\n%s", diff)
			}
		})
	}
}

// someInspections are someAttachments with what the host has of the first.
var someInspections = strings.Replace(someAttachments, `"network":"web"`, `"network":"web",
"objects":[
{"kind":"link","name":"veth1","text":"index 7 veth mtu 1500 up","scope":"attachment","link":{
"received":{"packets":3,"bytes":252,"dropped":1},"sent":{"packets":4,"bytes":336}}},
{"kind":"address","name":"br0","text":"10.1.0.1/24","scope":"host"},
{"kind":"route","name":"br0","text":"10.1.0.0/24","scope":"host"},
{"plugin":"firewall","kind":"rule","name":"inet libcni firewall","text":"ip saddr @x drop",
"scope":"network","matched":{"packets":2,"bytes":84}},
{"plugin":"portmap","kind":"element","name":"inet libcni portmap4",
"text":"tcp . 8080 : 10.1.0.2 . 80","scope":"attachment"}],
"drift":[{"plugin":"","object":"link eth0","expected":"present","actual":"missing"}],
"warnings":[{"plugin":"firewall","msg":"remove the rule"}],
"unseen":[{"plugin":"x","what":"objects","msg":"it is an executable"}]`, 1)

func TestInspectShowsEachAttachment(t *testing.T) {
	const want = `Network:          web
Container:        c1
Interface:        eth0
State:            attached
Owner:            libcni
Namespace:        /run/netns/a
Addresses:        10.1.0.2/24, gateway 10.1.0.1
                  fd00::2/64
Routes:           0.0.0.0/0 via 10.1.0.1
                  10.9.0.0/16
Name servers:     9.9.9.9
Ports:            8080->80/tcp
                  [::1]:8000-8009->9000-9009/udp
Container links:  eth0
Host links:       br0 (aa:bb:cc:dd:ee:ff)
Rules:            masquerade the container's traffic to other networks (bridge)
                  drop frames with another MAC address (bridge)
                  forward the published ports, without source address translation (portmap)
                  accept connections: open (firewall)
Arguments:        [["IP","10.1.0.2"]]
Capabilities:     {"mac":"x"}
On the host:      link veth1: index 7 veth mtu 1500 up
                  container received 3 packets 252 bytes, 1 dropped; sent 4 packets 336 bytes, 0 dropped
                  address 10.1.0.1/24 on br0
                  route 10.1.0.0/24 through br0
                  inet libcni firewall: ip saddr @x drop (2 packets 84 bytes, all containers of the network)
                  inet libcni portmap4: tcp . 8080 : 10.1.0.2 . 80
Differences:      link eth0: expected present, found missing
Warnings:         firewall: remove the rule
Not shown:        on the host: x: it is an executable

Network:          old
`
	code, out, errOut := runLine(&recorder{answers: map[string]string{"inspect": someInspections}},
		nil, "inspect c1")
	if code != exitDone || errOut != "" || len(out) < len(want) {
		t.Fatalf("exit status %d, output %q, standard error %q", code, out, errOut)
	}
	if diff := cmp.Diff(want, out[:len(want)]); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestInspectOfNothingFails(t *testing.T) {
	code, out, errOut := runLine(
		&recorder{answers: map[string]string{"inspect": `{"attachments":[]}`}}, nil,
		"inspect c9")
	if code != exitFailed || out != "" || errOut != "cni: container c9 is not attached\n" {
		t.Errorf("exit status %d, output %q, standard error %q", code, out, errOut)
	}
}

func TestEventsForPeople(t *testing.T) {
	for _, test := range []struct {
		name, line, event, want string
	}{
		{"a warning always", "networks", `{"event":"warning","plugin":"bridge","msg":"odd"}`,
			"cni: warning: bridge: odd\n"},
		{"a plugin not", "networks", `{"event":"plugin","plugin":"bridge","command":"ADD"}`, ""},
		{"a plugin when asked", "networks -v",
			`{"event":"plugin","plugin":"bridge","command":"ADD","builtin":true,"durationMs":1.25}`,
			"cni: bridge: ADD (built in) took 1.2 ms, code 0\n"},
		{"what a process wrote", "networks -v",
			`{"event":"plugin","plugin":"x","command":"DEL","durationMs":3,"code":11,"stderr":"a\nb\n"}`,
			"cni: x: DEL (executable) took 3.0 ms, code 11\n    a\n    b\n"},
		{"a warning of several lines", "networks",
			`{"event":"warning","plugin":"x\ny","msg":"a\ncni: b"}`, "cni: warning: x y: a cni: b\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, errOut := runLine(eventful(test.event), nil, test.line)
			if diff := cmp.Diff(test.want, errOut); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
		})
	}
}
