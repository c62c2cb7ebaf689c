package core

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// testHost is an engine on its own host: a network namespace and directories of the test.
type testHost struct {
	t       *testing.T
	engine  *Engine
	dir     string
	conf    string
	plugins string
	events  []string
}

func newTestHost(t *testing.T) *testHost {
	t.Helper()
	netnstest.Host(t)
	dir := t.TempDir()
	h := &testHost{t: t, engine: New(Options{}), dir: dir, conf: filepath.Join(dir, "conf"),
		plugins: filepath.Join(dir, "bin")}
	for _, d := range []string{h.conf, h.plugins, filepath.Join(dir, "record")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

type object = map[string]any

// options returns the options of every request of the test, merged with more.
func (h *testHost) options(more object) object {
	o := object{
		"confDir": h.conf, "pluginDirs": []string{h.plugins}, "cacheDir": filepath.Join(h.dir, "cache"),
		"stateDir": filepath.Join(h.dir, "run"), "env": object{"RECORD": filepath.Join(h.dir, "record")},
	}
	for k, v := range more {
		o[k] = v
	}
	return o
}

// call makes a request with these options and returns the decoded response.
func (h *testHost) call(method string, request object) (int, object) {
	h.t.Helper()
	options, _ := request["options"].(object)
	full := object{}
	for k, v := range request {
		full[k] = v
	}
	full["options"] = h.options(options)
	data, err := json.Marshal(full)
	if err != nil {
		h.t.Fatal(err)
	}
	caller := Caller{Environ: []string{"PATH=" + os.Getenv("PATH")},
		Log: func(e []byte) { h.events = append(h.events, string(e)) }}
	rc, response := h.engine.Call(context.Background(), caller, method, data)
	var answer object
	if err := json.Unmarshal(response, &answer); err != nil {
		h.t.Fatalf("%s: the answer is not an object: %v\n%s", method, err, response)
	}
	return rc, answer
}

// isLocked checks that a call in progress holds the lock of an attachment.
func (h *testHost) isLocked(key attachments.Key) {
	ctx, cancel := context.WithTimeout(h.t.Context(), 100*time.Millisecond)
	defer cancel()
	held, err := attachments.Open(filepath.Join(h.dir, "cache"), filepath.Join(h.dir, "run")).Lock(ctx,
		key)
	if err == nil {
		held.Unlock()
		h.t.Errorf("%s is not locked", key)
	}
}

// must makes a request that must succeed.
func (h *testHost) must(method string, request object) object {
	h.t.Helper()
	rc, answer := h.call(method, request)
	if rc != 0 {
		h.t.Fatalf("%s %v: rc %d: %v", method, request, rc, answer)
	}
	return answer
}

// fails makes a request that must fail with the given kind.
func (h *testHost) fails(kind, method string, request object) object {
	h.t.Helper()
	rc, answer := h.call(method, request)
	if rc == 0 || answer["kind"] != kind {
		h.t.Fatalf("%s %v: rc %d, kind %v; want kind %s\n%v", method, request, rc, answer["kind"], kind,
			answer)
	}
	return answer
}

// bridgeNet returns a network of the built-in bridge and host-local, with leases in the test's
// directory.
func (h *testHost) bridgeNet(name string, more ...any) object {
	plugins := []any{object{
		"type": "bridge", "bridge": "br-" + name, "isGateway": true,
		"ipam": object{"type": "host-local", "dataDir": filepath.Join(h.dir, "leases"),
			"ranges": []any{[]any{object{"subnet": "10.88.0.0/24"}}}},
	}}
	return object{"cniVersion": "1.1.0", "name": name, "plugins": append(plugins, more...)}
}

// recorder installs an executable plugin that stores each request as NUMBER.TYPE.COMMAND. The keys
// fail and hang of its configuration name a command. A file TYPE.only limits it to one version.
func (h *testHost) recorder(pluginType string) {
	h.t.Helper()
	const script = `#!/bin/sh
n=$(ls "$RECORD" | wc -l)
type=$(basename "$0")
request=$(cat)
printf '%s' "$request" >"$RECORD/$n.$type.$CNI_COMMAND"
field() { printf '%s' "$request" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
version=$(field cniVersion)
only=$(cat "$0.only" 2>/dev/null)
if [ "$CNI_COMMAND" = VERSION ]; then
	if [ -n "$only" ]; then echo "{\"cniVersion\":\"$only\",\"supportedVersions\":[\"0.3.1\",\"$only\"]}"
	else echo '{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0","1.1.0"]}'; fi
	exit 0
fi
if [ -n "$only" ] && [ "$version" != "$only" ]; then
	echo "{\"cniVersion\":\"$version\",\"code\":1,\"msg\":\"version $version is not known here\"}"; exit 1
fi
if [ "$(field fail)" = "$CNI_COMMAND" ]; then
	echo trouble ahead >&2
	echo "{\"cniVersion\":\"$version\",\"code\":123,\"msg\":\"asked to fail\",\"details\":\"by the test\"}"; exit 1
fi
if [ "$(field hang)" = "$CNI_COMMAND" ]; then
	if [ -p "$RECORD/../hanging" ]; then echo hanging >"$RECORD/../hanging"; fi
	exec sleep 60
fi
if [ "$CNI_COMMAND" = ADD ]; then
	printf '%s' "$request" | grep -q prevResult || { echo "{\"cniVersion\":\"$version\",\"ips\":[]}"; exit 0; }
	printf '%s' "$request" | sed 's/.*"prevResult":\(.*\)}$/\1/'
fi
exit 0
`
	if err := os.WriteFile(filepath.Join(h.plugins, pluginType), []byte(script), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// recorded lists the recorded requests as "TYPE.COMMAND", in order.
func (h *testHost) recorded() []string {
	h.t.Helper()
	entries, err := os.ReadDir(filepath.Join(h.dir, "record"))
	if err != nil {
		h.t.Fatal(err)
	}
	list := make([]string, len(entries))
	for _, e := range entries {
		number, rest, _ := strings.Cut(e.Name(), ".")
		var n int
		for _, digit := range number {
			n = n*10 + int(digit-'0')
		}
		list[n] = rest
	}
	return list
}

// links lists the interface names of the thread's namespace, without lo.
func links(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, line := range strings.Split(string(data), "\n")[2:] {
		if name, _, found := strings.Cut(strings.TrimSpace(line), ":"); found && name != "lo" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// linksIn lists the interface names of the namespace at a path.
func linksIn(t *testing.T, path string) (names string) {
	t.Helper()
	ns := netnstest.Open(t, path)
	defer ns.Close()
	if err := ns.Do(context.Background(), func() error { names = links(t); return nil }); err != nil {
		t.Fatal(err)
	}
	return names
}

// leases lists the addresses that host-local holds for a network.
func (h *testHost) leases(network string) string {
	entries, _ := os.ReadDir(filepath.Join(h.dir, "leases", network))
	var addresses []string
	for _, e := range entries {
		if e.Name() != "lock" && !strings.HasPrefix(e.Name(), "last_reserved_ip") {
			addresses = append(addresses, e.Name())
		}
	}
	return strings.Join(addresses, " ")
}

// stateFiles lists the files of attachments, in the cache and in the intents.
func (h *testHost) stateFiles() string {
	var files []string
	for _, pattern := range []string{"cache/results/*", "run/intents/*"} {
		found, _ := filepath.Glob(filepath.Join(h.dir, pattern))
		for _, f := range found {
			files = append(files, strings.TrimPrefix(f, h.dir+"/"))
		}
	}
	return strings.Join(files, " ")
}

// remains lists what is on the host, in the namespace at path, and on disk about the network "web".
func (h *testHost) remains(path string) string {
	h.t.Helper()
	return links(h.t) + "|" + linksIn(h.t, path) + "|" + h.leases("web") + "|" + h.stateFiles()
}

// request returns a recorded request, decoded.
func (h *testHost) request(name string) (request object) {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, "record", name))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := json.Unmarshal(data, &request); err != nil {
		h.t.Fatalf("%s: %v\n%s", name, err, data)
	}
	return request
}
