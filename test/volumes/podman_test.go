package volumes

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// podman makes calls with Podman's client, one after the other; "&" before one leaves it running.
func podman(t *testing.T, calls ...string) []podmanAnswer {
	t.Helper()
	out, err := exec.Command(peer(t, "podmanvolume"), calls...).Output()
	if err != nil {
		t.Fatalf("podmanvolume %v: %v", calls, err)
	}
	var all []podmanAnswer
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var a podmanAnswer
		if err := decoder.Decode(&a); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	if len(all) != len(calls) {
		t.Fatalf("%d answers to %d calls", len(all), len(calls))
	}
	return all
}

type podmanAnswer struct {
	Call   string
	Ms     int
	Error  *string
	Answer json.RawMessage
}

func (a podmanAnswer) says() string {
	if a.Error != nil {
		return *a.Error
	}
	return "success: " + string(a.Answer)
}

// What Podman's client makes of the same answers, and what libcni makes of them. The table in
// docs/volumes.md is this one: a row of it that is no longer so fails here.
func TestSideBySideWithPodman(t *testing.T) {
	for _, test := range []struct {
		name, call, fault string
		podman            string // is in what its client says
		rc                int
		kind, says        string
	}{
		{
			"an error with status 200", "create", "err200", "success: null", 999, "volume-plugin-failed",
			"disk full",
		},
		{
			"a mount refused with status 200", "mount", "mounterr200", `success: ""`, 999,
			"volume-plugin-failed", "cannot mount",
		},
		{
			"a volume that is not there", "get", "object", "success: null", -2, "volume-not-found",
			"no such volume",
		},
		{
			"an error in plain text", "create", "text500", "unmarshalling JSON response", 999,
			"volume-plugin-failed", "out of order",
		},
		{
			"an error without text", "create", "empty500", "unmarshalling JSON response", 999,
			"volume-plugin-failed", "HTTP 500, empty",
		},
		{
			"a mount that names no path", "mount", "mountempty", `success: ""`, -71, "volume-no-mountpoint",
			"without a mountpoint",
		},
		{
			"text after the answer", "mount", "trailing", "unmarshalling volume plugin", -71,
			"plugin-protocol", "data follows the JSON object",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := started(t, "-fault", strings.ToUpper(test.call[:1])+test.call[1:]+"="+test.fault)
			socket := strings.TrimPrefix(p.address, "unix://")
			if got := podman(t, socket+":"+test.call+":v")[0].says(); !strings.Contains(got, test.podman) {
				t.Errorf("podman: %s; want %q in it", got, test.podman)
			}
			request := object{"plugin": p.address, "name": "v"}
			if test.call == "mount" {
				request["id"] = "m1"
			}
			a := ask(t, newEngine(), "volume."+test.call, request)
			if a.rc != test.rc || a.Kind != test.kind || !strings.Contains(a.Msg, test.says) {
				t.Errorf("libcni: %d %s; want %d, %s that says %q", a.rc, a.raw, test.rc, test.kind, test.says)
			}
		})
	}
}

// One plugin hangs in its handshake: Podman's client holds its lock meanwhile.
func TestSideBySideWithPodmanOnePluginHangs(t *testing.T) {
	hung, well := started(t, "-fault", "Activate=hang"), started(t)
	path := func(p *plugin) string { return strings.TrimPrefix(p.address, "unix://") }
	for _, a := range podman(t, "&"+path(hung)+":list", path(well)+":list") {
		if strings.HasPrefix(a.Call, path(well)) && a.Ms < 2000 {
			t.Errorf("podman: the other plugin's call took %d ms only", a.Ms)
		}
	}
	engine, ended := newEngine(), make(chan answer)
	go func() {
		ended <- ask(t, engine, "volume.list", object{"plugin": hung.address, "requestId": "hung"})
	}()
	for limit := time.Now().Add(5 * time.Second); hung.count("Plugin.Activate") < 2 &&
		time.Now().Before(limit); {
		time.Sleep(time.Millisecond) // until it waits for its plugin
	}
	began := time.Now()
	done(t, engine, "volume.list", object{"plugin": well.address})
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("libcni: the other plugin's call took %v", took)
	}
	engine.Cancel("hung")
	<-ended
}

// The socket is made anew: Podman's client continues without a handshake, and omits Opts if they
// are empty.
func TestSideBySideWithPodmanRequests(t *testing.T) {
	p := started(t)
	podman(t, strings.TrimPrefix(p.address, "unix://")+":create:v")
	done(t, newEngine(), "volume.create", object{"plugin": p.address, "name": "v"})
	var bodies []string
	for _, h := range p.heard() {
		if h.Path == "/VolumeDriver.Create" {
			bodies = append(bodies, h.Body)
		}
	}
	if got := strings.Join(bodies, " "); got != `{"Name":"v"} {"Name":"v","Opts":{}}` {
		t.Errorf("bodies: %s", got)
	}
}

// The life of a volume on Podman's own test plugin, with data that stays from one mount to the
// next.
func TestLifeOnPodmansPlugin(t *testing.T) {
	engine, plugin := newEngine(), testvol(t)
	on := func(keys object) object { keys["plugin"] = plugin; return keys }
	done(t, engine, "volume.create", on(object{"name": "data", "opts": object{"o": "nosuid"}}))
	if a := done(t, engine, "volume.path", on(object{"name": "data"})); a.Mountpoint != "" &&
		!filepath.IsAbs(a.Mountpoint) {
		t.Errorf("%s", a.raw)
	}
	first := done(t, engine, "volume.mount", on(object{"name": "data", "id": "c1"})).Mountpoint
	write(t, filepath.Join(first, "kept"), "what c1 wrote")
	done(t, engine, "volume.unmount", on(object{"name": "data", "id": "c1"}))
	second := done(t, engine, "volume.mount", on(object{"name": "data", "id": "c2"})).Mountpoint
	if text, err := os.ReadFile(filepath.Join(second, "kept")); err != nil ||
		string(text) != "what c1 wrote" {
		t.Errorf("%q, %v", text, err)
	}
	if a := done(t, engine, "volume.capabilities", on(object{})); a.Scope != "local" {
		t.Errorf("%s", a.raw)
	}
	if a := done(t, engine, "volume.list", on(object{})); len(a.Volumes) != 1 ||
		a.Volumes[0].Name != "data" {
		t.Errorf("%s", a.raw)
	}
	if a := ask(t, engine, "volume.create",
		on(object{"name": "data"})); a.Kind != "volume-plugin-failed" || a.VolumePlugin.Status != 500 {
		t.Errorf("created twice: %s", a.raw)
	}
	done(t, engine, "volume.unmount", on(object{"name": "data", "id": "c2"}))
	done(t, engine, "volume.remove", on(object{"name": "data"}))
	if a := ask(t, engine, "volume.get",
		on(object{"name": "data"})); a.Kind != "volume-plugin-failed" {
		t.Errorf("after its end: %s", a.raw)
	}
}
