package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core"
)

// recorder is an engine that keeps what it is asked and answers with the text set for the method,
// or with {}.
type recorder struct {
	requests []string // "method request"
	rc       int
	answers  map[string]string
}

func (r *recorder) Call(_ context.Context, _ core.Caller, method string,
	request []byte) (int, []byte) {
	r.requests = append(r.requests, method+" "+string(request))
	return r.rc, []byte(first(r.answers[method], "{}"))
}

// runLine runs a command line, split at blanks, with an environment.
func runLine(engine engine, env map[string]string, line string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	a := &app{engine: engine, env: func(key string) string { return env[key] },
		in: strings.NewReader(""), out: &o, err: &e}
	code = a.execute(context.Background(), append([]string{"cni"}, strings.Fields(line)...))
	return code, o.String(), e.String()
}

func TestCommandLineBecomesRequest(t *testing.T) {
	for _, test := range []struct {
		name, line string
		env        map[string]string
		want       []string
	}{
		{name: "add as cnitool", line: "add web /n",
			want: []string{`add {"containerId":"` + toolID("/n") +
				`","ifName":"eth0","netns":"/n","network":"web"}`}},
		{name: "add with cnitool's environment", line: "add web /n",
			env: map[string]string{"NETCONFPATH": "/c", "CNI_PATH": "/a:/b", "CNI_ARGS": "A=1;B=x=y;A=2",
				"CAP_ARGS": `{"ips":["10.0.0.1/8"],"n":18446744073709551615}`, "CNI_IFNAME": "eth7"},
			want: []string{`add {"args":[["A","1"],["B","x=y"],["A","2"]],"capabilityArgs":{"ips":["10.0.0.1/8"],"n":18446744073709551615},"containerId":"` + toolID("/n") +
				`","ifName":"eth7","netns":"/n","network":"web","options":{"confDir":"/c","pluginDirs":["/a","/b"],"unusedCapabilities":"fail"}}`}},
		{name: "flags go before the environment",
			line: "-i eth3 add web /n --conf-dir /d --plugin-dir /p --plugin-dir /q --args C=3 --cap-args " +
				"{} --id c1",
			env: map[string]string{"NETCONFPATH": "/c", "CNI_PATH": "/a:/b", "CNI_ARGS": "A=1",
				"CAP_ARGS": `{"ips":[]}`, "CNI_IFNAME": "eth7"},
			want: []string{
				`add {"args":[["C","3"]],"containerId":"c1","ifName":"eth3","netns":"/n","network":"web","options":{"confDir":"/d","pluginDirs":["/p","/q"]}}`,
			}},
		{name: "all options of an add",
			line: "add web /n --id c --cache-dir /ca --state-dir /st --owner o --builtins only --timeout " +
				"1m30s --no-rollback --rollback-timeout 0 --on-existing replace",
			want: []string{
				`add {"containerId":"c","netns":"/n","network":"web","options":{"builtins":"only","cacheDir":"/ca","onExisting":"replace","owner":"o","rollback":false,"rollbackTimeoutMs":0,"stateDir":"/st","timeoutMs":90000}}`,
			}},
		{name: "a network from a file leaves one argument", line: "add -f /web.conflist /n --id c",
			want: []string{`add {"containerId":"c","netns":"/n","networkFile":"/web.conflist"}`}},
		{name: "published ports", line: "add web /n --id c -p 8080:80 -p 127.0.0.1:53:5353/udp -p " +
			"[::1]:1:2/sctp -p 8000-8010:9000-9010/udp -p 1-1:2-2",
			want: []string{
				`add {"capabilityArgs":{"portMappings":[` +
					`{"hostPort":8080,"containerPort":80,"protocol":"tcp"},` +
					`{"hostPort":53,"containerPort":5353,"protocol":"udp","hostIP":"127.0.0.1"},` +
					`{"hostPort":1,"containerPort":2,"protocol":"sctp","hostIP":"::1"},` +
					`{"hostPort":8000,"containerPort":9000,"protocol":"udp","range":11},` +
					`{"hostPort":1,"containerPort":2,"protocol":"tcp"}]},"containerId":"c","netns":"/n","network":"web",` +
					`"options":{"unusedCapabilities":"fail"}}`,
			}},
		{name: "del as cnitool", line: "del web /n",
			want: []string{`del {"containerId":"` + toolID("/n") +
				`","ifName":"eth0","netns":"/n","network":"web"}`}},
		{name: "del of all interfaces of a container", line: "del --id c1 --force",
			want: []string{`attachments {}`, `del {"containerId":"c1","force":true}`, `attachments {}`}},
		{name: "del of one network of a container", line: "del web --id c1",
			want: []string{`attachments {}`, `del {"containerId":"c1","network":"web"}`,
				`attachments {}`}},
		{name: "check by id", line: "check --id c1 -i eth1",
			want: []string{`attachments {}`, `check {"containerId":"c1","ifName":"eth1"}`}},
		{name: "status as cnitool", line: "status web /n", want: []string{`status {"network":"web"}`}},
		{name: "gc as cnitool keeps none", line: "gc web /n",
			want: []string{`attachments {}`, `gc {"asOf":"b 12","network":"web","validAttachments":[]}`}},
		{name: "gc keeps what is named",
			line: "gc web --keep a/eth0 --keep b/eth1 --as-of x --dry-run --owner *",
			want: []string{
				`attachments {"options":{"owner":"*"}}`,
				`gc {"asOf":"x","dryRun":true,"network":"web","options":{"owner":"*"},"validAttachments":[{"containerId":"a","ifName":"eth0"},{"containerId":"b","ifName":"eth1"}]}`,
			}},
		{name: "list of a network", line: "list web --id c1 -i eth1",
			want: []string{
				`attachments {}`, `attachments {"containerId":"c1","ifName":"eth1","network":"web"}`,
			}},
		{name: "networks", line: "networks", want: []string{`networks {}`}},
		{name: "validate a file", line: "validate -f /x",
			want: []string{`validate {"networkFile":"/x"}`}},
		{name: "validate strictly", line: "validate web --strict",
			want: []string{`validate {"network":"web","strict":true}`}},
		{name: "schema", line: "schema", want: []string{`schema {}`}},
		{name: "schema of a plugin", line: "schema bridge",
			want: []string{`schema {"type":"bridge"}`}},
		{name: "plugins", line: "plugins", want: []string{`plugins {}`}},
		{name: "plugin of a type", line: "plugin bridge",
			want: []string{`plugin.info {"type":"bridge"}`}},
		{name: "namespace by name", line: "netns create blue",
			want: []string{`netns.create {"name":"blue"}`}},
		{name: "namespace by path", line: "netns delete /a/../b",
			want: []string{`netns.delete {"path":"/b"}`}},
		{name: "volume with options of its plugin", line: "volume create p v -o size=1G -o x=",
			want: []string{`volume.create {"name":"v","opts":{"size":"1G","x":""},"plugin":"p"}`}},
		{name: "volume with all flags",
			line: "volume rm p v --volume-plugin-dir /d --volume-plugin p=/x.sock --retry 30s --reload " +
				"--timeout 0",
			want: []string{
				`volume.remove {"name":"v","options":{"timeoutMs":0,"volumePluginDirs":["/d"],"volumePlugins":{"p":"/x.sock"},"volumeReload":true,"volumeRetryMs":30000},"plugin":"p"}`,
			}},
		{name: "mount", line: "volume mount unix:///x v --id c1",
			want: []string{`volume.mount {"id":"c1","name":"v","plugin":"unix:///x"}`}},
		{name: "unmount", line: "volume umount p v --id c1",
			want: []string{`volume.unmount {"id":"c1","name":"v","plugin":"p"}`}},
		{name: "path of a volume", line: "volume path p v",
			want: []string{`volume.path {"name":"v","plugin":"p"}`}},
		{name: "volumes of all plugins", line: "volume ls", want: []string{`volume.list {}`}},
		{name: "volumes of one plugin", line: "volume list p",
			want: []string{`volume.list {"plugin":"p"}`}},
		{name: "scope", line: "volume capabilities p",
			want: []string{`volume.capabilities {"plugin":"p"}`}},
		{name: "volume plugins", line: "volume plugins", want: []string{`volume.plugins {}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &recorder{answers: map[string]string{"attachments": `{"asOf":"b 12","attachments":[]}`,
				"schema": `{"schema":{}}`}}
			code, _, errOut := runLine(r, test.env, test.line)
			if code != exitDone {
				t.Errorf("exit status %d, standard error %q", code, errOut)
			}
			if diff := cmp.Diff(test.want, r.requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrongCommandLineAsksNothing(t *testing.T) {
	for _, test := range []struct {
		name, line, want string
		env              map[string]string
	}{
		{name: "unknown verb", line: "attach", want: `unknown command "attach"`},
		{name: "unknown flag", line: "add web /n --bogus", want: "--bogus"},
		{name: "add without arguments", line: "add", want: "NETWORK and NETNS"},
		{name: "add without a namespace", line: "add web --id c1", want: "NETWORK and NETNS"},
		{name: "del of nothing", line: "del web", want: "--id"},
		{name: "three arguments", line: "add a b c", want: "accepts at most 2"},
		{name: "file and network", line: "add -f /x web /n", want: "one argument too many"},
		{name: "status of nothing", line: "status", want: "a network is required"},
		{name: "gc that names nothing", line: "gc web", want: "--keep"},
		{name: "gc of everything and something", line: "gc web --all --keep a/b", want: "keep"},
		{name: "kept without an interface", line: "gc web --keep c1", want: "c1/eth0"},
		{name: "invalid timeout", line: "networks --timeout soon", want: "--timeout soon"},
		{name: "negative timeout", line: "networks --timeout -3s", want: "--timeout -3s"},
		{name: "port 0", line: "add w /n -p 0:80", want: "--publish 0:80"},
		{name: "port 65536", line: "add w /n -p 1:65536", want: "--publish 1:65536"},
		{name: "one port only", line: "add w /n -p 80", want: "--publish 80"},
		{name: "invalid address", line: "add w /n -p x:80:80", want: `"x" is not an IP address`},
		{name: "published twice", line: `add w /n -p 80:80 --cap-args {"portMappings":[]}`,
			want: "exclude each other"},
		{name: "argument without value", line: "add w /n --args A", want: `--args: "A"`},
		{name: "CNI_ARGS without key", line: "add w /n", env: map[string]string{"CNI_ARGS": "A=1;=2"},
			want: `CNI_ARGS: "=2"`},
		{name: "CAP_ARGS that is not an object", line: "add w /n",
			env: map[string]string{"CAP_ARGS": "[1]"}, want: "CAP_ARGS: not a JSON object"},
		{name: "argument that is not UTF-8", line: "add w /n\xff", want: "not UTF-8"},
		{name: "published range of ports", line: "add w /n -p 10-12:80",
			want: "3 ports of the host and 1"},
		{name: "published range that ends before", line: "add w /n -p 12-10:12-10",
			want: "--publish 12-10"},
		{name: "published with an unknown protocol", line: "add w /n -p 80:80/icmp",
			want: `"icmp"; use one of tcp, udp, sctp`},
		{name: "published without the protocol", line: "add w /n -p 80:80/", want: "protocol"},
		{name: "published at IPv6 without brackets", line: "add w /n -p ::1:80:80",
			want: "in brackets: [::1]"},
		{name: "published at half a bracket", line: "add w /n -p [::1:80:80", want: `"[::1"`},
		{name: "published at IPv4 in brackets", line: "add w /n -p [10.0.0.1]:80:80", want: "not an IP"},
		{name: "published at a zone", line: "add w /n -p [fe80::1%e]:80:80", want: "not an IP"},
		{name: "published at an empty address", line: "add w /n -p :80:80", want: `"" is not an IP`},
		{name: "wrong template", line: "list --format {{.Contain", want: "--format: "},
		{name: "unknown field", line: "list --format {{.Contain}}",
			want: "the fields are Network, Container, Interface"},
		{name: "unknown field of another table", line: "networks --format {{.Container}}",
			want: "the fields are Network, Version"},
		{name: "quiet and a template", line: "list -q --format {{.Network}}", want: "quiet"},
		{name: "help of no verb", line: "help nope", want: `unknown verb "nope"`},
		{name: "help of no verb of a group", line: "help netns nope", want: `unknown verb "netns nope"`},
		{name: "completion of no shell", line: "completion", want: "bash, fish, powershell, zsh"},
		{name: "completion of another shell", line: "completion tcsh", want: `unknown shell "tcsh"`},
		{name: "shorthand that does not exist", line: "list -z", want: "-z"},
		{name: "flag of another verb", line: "check --id c --strict", want: "--strict"},
		{name: "flag without its value", line: "add web /n --id", want: "--id"},
		{name: "program for a namespace", line: "netns exec blue", want: "at least 2"},
		{name: "netns of no kind", line: "netns", want: "create, list, exec or delete"},
		{name: "volume of no kind", line: "volume", want: "give a verb: create"},
		{name: "mount for nobody", line: "volume mount p v", want: "--id"},
		{name: "unmount for nobody", line: "volume unmount p v", want: "--id"},
		{name: "volume of no name", line: "volume create p", want: "accepts 2"},
		{name: "option without a value", line: "volume create p v -o x",
			want: `--opt: "x" is not KEY=VALUE`},
		{name: "option twice", line: "volume create p v -o x=1 -o x=2", want: "x is repeated"},
		{name: "plugin without an address", line: "volume list --volume-plugin p", want: "NAME=ADDRESS"},
		{name: "netns of a wrong kind", line: "netns make x", want: `unknown command "make"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &recorder{}
			code, out, errOut := runLine(r, test.env, test.line)
			if code != exitUsage || out != "" || !strings.Contains(errOut, test.want) {
				t.Errorf("exit status %d, want %d; output %q; standard error %q, want it to hold %q", code,
					exitUsage, out, errOut, test.want)
			}
			if r.requests != nil {
				t.Errorf("asked %v", r.requests)
			}
		})
	}
}

func TestRelativePathsBecomeAbsolute(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	r := &recorder{}
	runLine(r, nil, "add web ns --conf-dir conf")
	var got struct {
		Netns, ContainerID string
		Options            struct{ ConfDir string }
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(strings.Join(r.requests, ""), "add ")),
		&got); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(dir, "ns")
	if got.Netns != want || got.ContainerID != toolID(want) ||
		got.Options.ConfDir != filepath.Join(dir, "conf") {
		t.Errorf("got %+v in %s", got, dir)
	}
}

// The id is cnitool-$(printf /run/netns/blue | sha512sum | head -c20), as cnitool makes it.
func TestContainerIDIsCnitools(t *testing.T) {
	if got, want := toolID("/run/netns/blue"), "cnitool-df26705e2e4ffd095eb1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// eventful is an engine during whose calls one event happens.
type eventful string

func (e eventful) Call(_ context.Context, caller core.Caller, _ string, _ []byte) (int, []byte) {
	caller.Log([]byte(e))
	return 0, []byte("{}")
}
