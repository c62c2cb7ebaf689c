package volumes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// sorted is JSON with its keys in order, and its numbers as they were.
func sorted(t *testing.T, text string) string {
	t.Helper()
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// Point 1: every kind of address, every kind of file, Docker's order, and Podman's map.
func TestPluginsAreFoundInDockersOrder(t *testing.T) {
	p, tcp := started(t, "-scope", "global"), startedTCP(t, "-scope", "global")
	path := strings.TrimPrefix(p.address, "unix://")
	dir := t.TempDir()
	sockets, specs := filepath.Join(dir, "run"), filepath.Join(dir, "etc")
	write(t, filepath.Join(specs, "spec.spec"), " "+p.address+"\n")
	write(t, filepath.Join(specs, "sub", "sub.spec"), tcp.address)
	write(t, filepath.Join(specs, "json.json"),
		fmt.Sprintf(`{"Name":"other","Addr":%q}`,
			strings.Replace(tcp.address, "tcp", "http", 1)+"/docker/plugin"))
	write(t, filepath.Join(specs, "both.json"), `{"Addr":"tcp://127.0.0.1:1"}`)
	write(t, filepath.Join(specs, "both.spec"), p.address)
	write(t, filepath.Join(sockets, "notasocket.sock"), "")
	write(t, filepath.Join(specs, "notasocket.spec"), tcp.address)
	startedAt(t, filepath.Join(sockets, "first.sock"), "-scope", "global")
	write(t, filepath.Join(specs, "first.spec"), "tcp://127.0.0.1:1")
	if err := os.Mkdir(filepath.Join(sockets, "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	startedAt(t, filepath.Join(sockets, "deep", "deep.sock"), "-scope", "global")

	options := object{
		"volumePluginDirs": []string{sockets, specs},
		"volumePlugins":    object{"podmans": path, "given": tcp.address},
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(tcp.address, "tcp://"))
	for _, name := range []string{
		"spec", "sub", "json", "both", "notasocket", "first", "deep", "podmans", "given",
		p.address, tcp.address, strings.Replace(tcp.address, "tcp", "http", 1), "tcp://localhost:" + port,
	} {
		if a := ask(t, newEngine(), "volume.capabilities",
			object{"plugin": name, "options": options}); a.Scope != "global" {
			t.Errorf("%s: %d %s", name, a.rc, a.raw)
		}
	}
	found := []string{}
	list := done(t, newEngine(), "volume.plugins", object{"options": options})
	for _, l := range list.Plugins {
		found = append(found, l.Name)
	}
	if diff := cmp.Diff([]string{
		"both", "deep", "first", "given", "json", "notasocket", "podmans", "spec", "sub",
	}, found); diff != "" {
		t.Errorf("plugins (-want +got):\n%s", diff)
	}
	if len(list.Errors) != 0 {
		t.Errorf("errors: %+v", list.Errors)
	}
}

func TestPluginsThatCannotBeUsed(t *testing.T) {
	rig.Must(t, rig.LoopbackUp())
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bare.spec"), "localhost:80")
	write(t, filepath.Join(dir, "broken.json"), `{"Addr":`)
	write(t, filepath.Join(dir, "empty.json"), `{}`)
	write(t, filepath.Join(dir, "down.spec"), "tcp://127.0.0.1:1")
	stale := started(t)
	stale.stop()
	for _, test := range []struct {
		plugin string
		rc     int
		kind   string
		says   string
	}{
		{"nowhere", -2, "volume-plugin-not-found", dir},
		{"bare", -71, "not-a-plugin", "unix:///PATH"},
		{"broken", -71, "not-a-plugin", "broken.json"},
		{"empty", -71, "not-a-plugin", "empty.json"},
		{"down", -111, "volume-plugin-unreachable", "connection refused"},
		{stale.address, -111, "volume-plugin-unreachable", "connection refused"},
		{"unix:///nowhere/x.sock", -111, "volume-plugin-unreachable", "no such file"},
		{"unix://" + dir + "/down.spec", -111, "volume-plugin-unreachable", "connection refused"},
		{"unix:///" + strings.Repeat("x", 120), -111, "volume-plugin-unreachable", "107 bytes"},
		{"../down", -22, "invalid-request", "no /"},
		{"", -22, "invalid-request", "plugin is required"},
		{"unix://x.sock", -22, "invalid-request", "absolute"},
		{"ftp://x:1", -22, "invalid-request", "give unix:///PATH"},
		{"tcp://x", -22, "invalid-request", "HOST:PORT"},
		{"tcp://a:b@x:1", -22, "invalid-request", "HOST:PORT"},
	} {
		t.Run(test.plugin, func(t *testing.T) {
			began := time.Now()
			a := ask(t, newEngine(), "volume.remove",
				object{
					"plugin": test.plugin, "name": "v", "options": object{"volumePluginDirs": []string{dir}},
				})
			if a.rc != test.rc || a.Kind != test.kind || !strings.Contains(a.Msg, test.says) {
				t.Errorf("%d %s\nwant %d, %s that says %q", a.rc, a.raw, test.rc, test.kind, test.says)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %v: a plugin that is not there is known at once", took)
			}
		})
	}
}

// Point 2: one handshake for many calls; another for another socket; a hung plugin delays no other.
func TestHandshakes(t *testing.T) {
	engine := newEngine()
	socket := filepath.Join(t.TempDir(), "x.sock")
	first := startedAt(t, socket)
	for range 3 {
		done(t, engine, "volume.list", object{"plugin": first.address})
	}
	if diff := cmp.Diff([]string{"Plugin.Activate", "List", "List", "List"},
		first.paths()); diff != "" {
		t.Errorf("three calls (-want +got):\n%s", diff)
	}
	done(t, engine, "volume.list",
		object{"plugin": first.address, "options": object{"volumeReload": true}})
	if n := first.count("Plugin.Activate"); n != 2 {
		t.Errorf("volumeReload: %d handshakes, want 2", n)
	}

	first.stop()
	if a := ask(t, engine, "volume.list",
		object{"plugin": first.address}); a.Kind != "volume-plugin-unreachable" || !a.Retryable {
		t.Errorf("while it is down: %s", a.raw)
	}
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	second := startedAt(t, socket)
	done(t, engine, "volume.list", object{"plugin": first.address})
	if diff := cmp.Diff([]string{"Plugin.Activate", "List"}, second.paths()); diff != "" {
		t.Errorf("after the socket was made anew (-want +got):\n%s", diff)
	}
}

// A server on TCP cannot be known by a socket's inode: a connection that fails ends what is known
// of it.
func TestHandshakeAfterAFailedConnection(t *testing.T) {
	engine := newEngine()
	first := startedTCP(t)
	done(t, engine, "volume.list", object{"plugin": first.address})
	first.stop()
	if a := ask(t, engine, "volume.list",
		object{"plugin": first.address}); a.Kind != "volume-plugin-unreachable" {
		t.Errorf("while it is down: %s", a.raw)
	}
	second := newPlugin(t, "-listen", strings.Replace(first.address, "://", ":", 1))
	done(t, engine, "volume.list", object{"plugin": first.address})
	if diff := cmp.Diff([]string{"Plugin.Activate", "List"}, second.paths()); diff != "" {
		t.Errorf("after it came back (-want +got):\n%s", diff)
	}
}

func TestAPluginThatHangsDelaysNoOther(t *testing.T) {
	engine := newEngine()
	hung, well := started(t, "-fault", "Activate=hang"), started(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan answer, 8)
	for range 8 {
		go func() {
			ended <- askWith(t, ctx, engine, "volume.list",
				object{"plugin": hung.address, "options": object{"volumeTimeouts": object{"activateMs": 0}}})
		}()
	}
	for limit := time.Now().Add(10 * time.Second); hung.count("Plugin.Activate") < 8 &&
		time.Now().Before(limit); {
		time.Sleep(time.Millisecond) // until all wait for the plugin
	}
	began := time.Now()
	done(t, engine, "volume.list", object{"plugin": well.address})
	if took := time.Since(began); took > time.Second {
		t.Errorf("a call of another plugin took %v", took)
	}
	cancel()
	for range 8 {
		if a := <-ended; a.Kind != "cancelled" {
			t.Errorf("cancelled: %s", a.raw)
		}
	}
}

// Point 3: what is sent.
func TestRequestsAsThePluginSeesThem(t *testing.T) {
	engine, p := newEngine(), started(t)
	on := func(keys object) object { keys["plugin"] = p.address; return keys }
	done(t, engine, "volume.create", on(object{"name": "v"}))
	done(t, engine, "volume.create",
		on(object{"name": "w", "opts": object{"size": "10G", "é": "<&>"}}))
	done(t, engine, "volume.mount", on(object{"name": "v", "id": "m1"}))
	done(t, engine, "volume.path", on(object{"name": "v"}))
	done(t, engine, "volume.get", on(object{"name": "v"}))
	done(t, engine, "volume.list", on(object{}))
	done(t, engine, "volume.capabilities", on(object{}))
	done(t, engine, "volume.unmount", on(object{"name": "v", "id": "m1"}))
	done(t, engine, "volume.remove", on(object{"name": "v"}))
	want := [][2]string{
		{"/Plugin.Activate", ""}, {"/VolumeDriver.Create", `{"Name":"v","Opts":{}}`},
		{"/VolumeDriver.Create", `{"Name":"w","Opts":{"size":"10G","é":"\u003c\u0026\u003e"}}`},
		{"/VolumeDriver.Mount", `{"Name":"v","ID":"m1"}`}, {"/VolumeDriver.Path", `{"Name":"v"}`},
		{"/VolumeDriver.Get", `{"Name":"v"}`}, {"/VolumeDriver.List", `{}`},
		{"/VolumeDriver.Capabilities", `{}`},
		{"/VolumeDriver.Unmount", `{"Name":"v","ID":"m1"}`}, {"/VolumeDriver.Remove", `{"Name":"v"}`},
	}
	var got [][2]string
	for _, h := range p.heard() {
		got = append(got, [2]string{h.Path, h.Body})
		if h.Method != "POST" || h.Accept != "application/vnd.docker.plugins.v1.2+json" ||
			h.ContentType != "application/vnd.docker.plugins.v1.1+json" ||
			h.Host != "plugin.moby.localhost" || h.Length != int64(len(h.Body)) {
			t.Errorf("%+v", h)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// Point 4: details has the plugin's text as it is, and the error names plugin, endpoint, status and
// volume.
func TestErrorsNamePluginEndpointAndVolume(t *testing.T) {
	p := started(t, "-fault", "Mount=err500")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "store.spec"), p.address)
	a := ask(t, newEngine(), "volume.mount",
		object{
			"plugin": "store", "name": "data", "id": "m",
			"options": object{"volumePluginDirs": []string{dir}},
		})
	want := "volume plugin store at " + p.address +
		": VolumeDriver.Mount of data: disk full (HTTP 500)"
	if a.Msg != want || a.Details != "disk full" || string(a.Volume) != `"data"` ||
		a.VolumePlugin.Name != "store" ||
		a.VolumePlugin.Endpoint != "VolumeDriver.Mount" || a.VolumePlugin.Status != 500 || a.Code != 999 {
		t.Errorf("%s\nwant msg %q", a.raw, want)
	}
}

// Point 6: each step has its own time; a call can be cancelled by its id.
func TestTimesOfTheSteps(t *testing.T) {
	hangs, drips := started(t, "-fault", "Activate=hang"), started(t, "-fault", "List=slow")
	mute := started(t, "-fault", "List=hang")
	for _, test := range []struct {
		name    string
		plugin  string
		options object
		least   time.Duration
		says    string
	}{
		{
			"the handshake", hangs.address, object{"volumeTimeouts": object{"activateMs": 200}},
			200 * time.Millisecond, "time limit of this step",
		},
		{
			"the beginning of the answer", mute.address, object{"volumeTimeouts": object{"headerMs": 200}},
			200 * time.Millisecond, "did not begin in time",
		},
		{
			"the whole call", drips.address,
			object{"timeoutMs": 400, "volumeTimeouts": object{"headerMs": 200}}, 400 * time.Millisecond,
			"deadline of the call",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			a := ask(t, newEngine(), "volume.list", object{"plugin": test.plugin, "options": test.options})
			took := time.Since(began)
			if a.rc != -110 || a.Kind != "timeout" || !strings.Contains(a.Msg, test.says) ||
				took < test.least || took > test.least+2*time.Second {
				t.Errorf("%d %s after %v", a.rc, a.raw, took)
			}
		})
	}
	t.Run("cancelled by another thread", func(t *testing.T) {
		engine, ended := newEngine(), make(chan answer)
		go func() {
			ended <- ask(t, engine, "volume.list",
				object{"plugin": mute.address, "requestId": "r1", "options": object{"timeoutMs": 0}})
		}()
		for !engine.Cancel("r1") {
			time.Sleep(time.Millisecond) // until the call has begun
		}
		if a := <-ended; a.rc != -125 || a.Kind != "cancelled" {
			t.Errorf("%d %s", a.rc, a.raw)
		}
	})
}

// Point 7: a plugin that is not there yet is waited for if asked, and nothing is sent twice.
func TestRetryOnlyBeforeAnythingIsSent(t *testing.T) {
	engine, socket := newEngine(), filepath.Join(t.TempDir(), "late.sock")
	ended := make(chan answer)
	go func() {
		ended <- ask(t, engine, "volume.create", object{"plugin": "late", "name": "v", "options": object{
			"volumePluginDirs": []string{filepath.Dir(socket)}, "volumeRetryMs": 30000}})
	}()
	time.Sleep(300 * time.Millisecond) // long enough for some tries
	p := startedAt(t, socket)
	if a := <-ended; a.rc != 0 {
		t.Errorf("%d %s", a.rc, a.raw)
	}
	if diff := cmp.Diff([]string{"Plugin.Activate", "Create"}, p.paths()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	dies := started(t, "-fault", "Create=close")
	a := ask(t, engine, "volume.create",
		object{"plugin": dies.address, "name": "v", "options": object{"volumeRetryMs": 1000}})
	if a.Kind != "plugin-protocol" || dies.count("Create") != 1 {
		t.Errorf("%d requests, %s", dies.count("Create"), a.raw)
	}
}

// Point 8: a scope that was returned is kept; a refusal is not.
func TestCapabilitiesAreKeptAfterSuccessOnly(t *testing.T) {
	engine, p := newEngine(), started(t, "-scope", "global", "-fault", "Capabilities=once-err500")
	for i, want := range []string{"local", "global", "global"} {
		if a := done(t, engine, "volume.capabilities", object{"plugin": p.address}); a.Scope != want {
			t.Errorf("call %d: %s, want %s", i+1, a.Scope, want)
		}
	}
	if n := p.count("Capabilities"); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	if a := ask(t, engine, "volume.capabilities",
		object{"plugin": "unix:///nowhere/x.sock"}); a.Kind != "volume-plugin-unreachable" {
		t.Errorf("a plugin that is not there has no scope: %s", a.raw)
	}
}

// Point 9: a mount whose end is not known is undone with the same id; a refused one is not.
func TestMountThatMayHaveHappenedIsUndone(t *testing.T) {
	for _, test := range []struct {
		name, fault string
		options     object
		requests    []string
		rolledBack  bool
		held        int // mounts that are left
	}{
		{"refused", "err500", object{}, []string{"Mount"}, true, 0},
		{
			"done, and the answer lost", "done-close", object{},
			[]string{"Mount", "Plugin.Activate", "Unmount"}, true, 0,
		},
		{"done, without a path", "done-mountempty", object{}, []string{"Mount", "Unmount"}, true, 0},
		{
			"done, and never reported", "done-hang", object{"timeoutMs": 300}, []string{"Mount", "Unmount"},
			true, 0,
		},
		{"left, as was asked", "done-close", object{"rollback": false}, []string{"Mount"}, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			engine, p := newEngine(), started(t, "-fault", "Mount="+test.fault)
			done(t, engine, "volume.create", object{"plugin": p.address, "name": "v"})
			before := len(p.paths())
			a := ask(t, engine, "volume.mount",
				object{"plugin": p.address, "name": "v", "id": "m1", "options": test.options})
			if a.rc == 0 || a.RolledBack == nil || *a.RolledBack != test.rolledBack {
				t.Errorf("%d %s; want rolledBack %v", a.rc, a.raw, test.rolledBack)
			}
			if diff := cmp.Diff(test.requests, p.paths()[before:]); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			status := struct{ Volume listed }{}
			if err := json.Unmarshal(
				[]byte(done(t, engine, "volume.get", object{"plugin": p.address, "name": "v"}).raw),
				&status); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf(`"mounts":%d`, test.held); !strings.Contains(string(status.Volume.Status),
				want) {
				t.Errorf("status %s, want %s", status.Volume.Status, want)
			}
		})
	}
}

// Point 10: a plugin that does not answer stands apart, and its volumes are not said to be gone.
func TestListingAllKeepsThosePluginsApartThatDoNotAnswer(t *testing.T) {
	rig.Must(t, rig.LoopbackUp())
	dir := t.TempDir()
	startedAt(t, filepath.Join(dir, "hangs.sock"), "-fault", "List=hang")
	startedAt(t, filepath.Join(dir, "nets.sock"), "-fault", "Activate=networkdriver")
	startedAt(t, filepath.Join(dir, "cut.sock"), "-fault", "List=truncatedlist")
	well := startedAt(t, filepath.Join(dir, "well.sock"))
	write(t, filepath.Join(dir, "down.spec"), "tcp://127.0.0.1:1")
	write(t, filepath.Join(dir, "bad.spec"), "nothing")
	engine := newEngine()
	done(t, engine, "volume.create", object{"plugin": well.address, "name": "v"})
	options := object{"volumePluginDirs": []string{dir}, "timeoutMs": 1000}

	a := done(t, engine, "volume.list", object{"options": options})
	kinds := map[string]string{}
	for _, e := range a.Errors {
		kinds[e.Plugin] = e.Kind
	}
	want := map[string]string{"hangs": "timeout", "nets": "wrong-plugin-kind",
		"cut":  "plugin-protocol",
		"down": "volume-plugin-unreachable", "bad": "not-a-plugin"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if len(a.Volumes) != 1 || a.Volumes[0].Plugin != "well" || a.Volumes[0].Name != "v" {
		t.Errorf("volumes: %+v", a.Volumes)
	}

	options["volumeReload"] = true
	a = done(t, engine, "volume.plugins", object{"options": options})
	names := []string{}
	for _, p := range a.Plugins {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"cut", "hangs", "well"}, names); diff != "" || len(a.Errors) != 3 {
		t.Errorf("plugins after a reload (-want +got):\n%s%s", diff, a.raw)
	}
}

// Nothing stays open after a call: neither descriptors nor goroutines.
func TestNothingIsLeftOfACall(t *testing.T) {
	engine, p, hung := newEngine(), started(t), silent(t)
	call := func() {
		ask(t, engine, "volume.list", object{"plugin": p.address})
		ask(t, engine, "volume.list", object{"plugin": hung, "options": object{"timeoutMs": 20}})
		ask(t, engine, "volume.list", object{"plugin": "unix:///nowhere/x.sock"})
		ask(t, engine, "volume.list",
			object{
				"options": object{
					"volumePlugins": object{"a": hung, "b": p.address}, "volumePluginDirs": []string{},
					"timeoutMs": 20,
				},
			})
	}
	call()
	before := descriptors(t)
	for range 20 {
		call()
	}
	// The silent server, which is this process's too, learns a little later that its clients are gone.
	for limit := time.Now().Add(5 * time.Second); descriptors(t) > before &&
		time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return len(entries)
}
