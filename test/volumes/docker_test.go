package volumes

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The cases of Docker's integration-cli/docker_cli_external_volume_driver_test.go, by their names
// there, as far as they are about the client: what only Docker's daemon has (names that are unique
// over all plugins, a container's list of mounts) has no counterpart. Docker's plugin registers
// with a .spec file that holds an http URL.

// dockers starts a plugin that is found as Docker's is.
func dockers(t *testing.T, flags ...string) (*plugin, object) {
	t.Helper()
	p := startedTCP(t, flags...)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "test-external-volume-driver.spec"),
		strings.Replace(p.address, "tcp", "http", 1))
	return p, object{"volumePluginDirs": []string{dir}}
}

func TestDockerNamedVolumesFromDeleteContainer(t *testing.T) {
	engine, volumes := newEngine(), "test-external-volume-driver"
	p, options := dockers(t)
	on := func(keys object) object { keys["plugin"], keys["options"] = volumes, options; return keys }
	done(t, engine, "volume.create", on(object{"name": "external-volume-test"}))
	paths := map[string]bool{}
	for _, container := range []string{"vol-test1", "vol-test2"} {
		at := done(t, engine, "volume.mount",
			on(object{"name": "external-volume-test", "id": container})).Mountpoint
		write(t, filepath.Join(at, "test"), container)
		paths[at] = true
	}
	if a := ask(t, engine, "volume.remove",
		on(object{"name": "external-volume-test"})); a.Kind != "volume-plugin-failed" ||
		!strings.Contains(a.Msg, "mounted by 2") {
		t.Errorf("removed while it is mounted: %s", a.raw)
	}
	for _, container := range []string{"vol-test1", "vol-test2"} {
		done(t, engine, "volume.unmount", on(object{"name": "external-volume-test", "id": container}))
	}
	done(t, engine, "volume.remove", on(object{"name": "external-volume-test"}))
	for at := range paths {
		if _, err := os.Lstat(at); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", at, err)
		}
	}
	want := []string{
		"Plugin.Activate", "Create", "Mount", "Mount", "Remove", "Unmount", "Unmount", "Remove",
	}
	if diff := cmp.Diff(want, p.paths()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestDockerLookupNotBlocked(t *testing.T) {
	p, options := dockers(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "down-driver.spec"), "tcp://127.0.0.7:9999")
	engine, ended := newEngine(), make(chan answer, 1)
	go func() {
		ended <- ask(t, engine, "volume.create",
			object{"plugin": "down-driver", "name": "a", "requestId": "down",
				"options": object{"volumePluginDirs": []string{dir}, "volumeRetryMs": 30000}})
	}()
	began := time.Now()
	done(t, engine, "volume.create",
		object{"plugin": "test-external-volume-driver", "name": "b", "options": options})
	if took := time.Since(began); took > time.Second {
		t.Errorf("a call of another plugin took %v", took)
	}
	select {
	case a := <-ended:
		t.Errorf("the plugin that is down answered: %s", a.raw)
	default:
	}
	for !engine.Cancel("down") {
		time.Sleep(time.Millisecond) // until the call has begun
	}
	if a := <-ended; a.Kind != "cancelled" || !strings.Contains(a.Msg, "nothing was sent yet") {
		t.Errorf("cancelled: %s", a.raw)
	}
	if n := p.count("Create"); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestDockerRetryNotImmediatelyExists(t *testing.T) {
	engine, dir, ended := newEngine(), t.TempDir(), make(chan answer)
	go func() {
		ended <- ask(t, engine, "volume.create", object{"plugin": "retry", "name": "external-volume-test",
			"options": object{"volumePluginDirs": []string{dir}, "volumeRetryMs": 30000}})
	}()
	p := startedTCP(t)
	write(t, filepath.Join(dir, "retry.spec"), p.address)
	select {
	case a := <-ended:
		if a.rc != 0 {
			t.Errorf("%d %s", a.rc, a.raw)
		}
	case <-time.After(8 * time.Second):
		t.Fatal("the plugin was not found in 8 s")
	}
	if diff := cmp.Diff([]string{"Plugin.Activate", "Create"}, p.paths()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestDockerGetAndList(t *testing.T) {
	engine := newEngine()
	p, options := dockers(t)
	on := func(keys object) object {
		keys["plugin"], keys["options"] = "test-external-volume-driver", options
		return keys
	}
	if a := ask(t, engine, "volume.get", on(object{"name": "dummy"})); a.rc == 0 ||
		!strings.Contains(a.Msg, "no volume dummy here") || p.count("Get") != 1 {
		t.Errorf("%d %s", a.rc, a.raw)
	}
	done(t, engine, "volume.create", on(object{"name": "abc3", "opts": object{"Hello": "world"}}))
	if a := done(t, engine, "volume.get",
		on(object{"name": "abc3"})); !strings.Contains(string(a.Volume), `"Hello":"world"`) {
		t.Errorf("status: %s", a.raw)
	}
	// PathCalls: neither create nor list asks for paths.
	a := done(t, engine, "volume.list", on(object{}))
	if len(a.Volumes) != 1 || a.Volumes[0].Name != "abc3" || p.count("List") != 1 ||
		p.count("Path") != 0 {
		t.Errorf("%s, requests %v", a.raw, p.paths())
	}
}

// A null volume and a null error; Docker's daemon panicked once.
func TestDockerGetEmptyResponse(t *testing.T) {
	p, options := dockers(t, "-fault", "Get=object")
	a := ask(t, newEngine(), "volume.get",
		object{"plugin": "test-external-volume-driver", "name": "abc2", "options": options})
	if a.rc != -2 || a.Kind != "volume-not-found" || !strings.Contains(a.Msg, "no such volume") ||
		p.count("Get") != 1 {
		t.Errorf("%d %s", a.rc, a.raw)
	}
}

// Docker's plugin says null where it has nothing to say, and, by a slip, two answers to a Get of
// what it has not.
func TestDockerPluginsOwnAnswers(t *testing.T) {
	_, options := dockers(t, "-fault", "Create=null", "-fault", "Get=errtrailing")
	done(t, newEngine(), "volume.create",
		object{"plugin": "test-external-volume-driver", "name": "v", "options": options})
	a := ask(t, newEngine(), "volume.get",
		object{"plugin": "test-external-volume-driver", "name": "v", "options": options})
	if a.rc != 999 || a.Details != "no such volume" {
		t.Errorf("%d %s", a.rc, a.raw)
	}
}

// Each mount has the id that its caller gives it, and the plugin gets that.
func TestDockerMountID(t *testing.T) {
	engine := newEngine()
	p, options := dockers(t)
	on := func(keys object) object {
		keys["plugin"], keys["options"] = "test-external-volume-driver", options
		return keys
	}
	done(t, engine, "volume.create", on(object{"name": "v"}))
	for _, id := range []string{"one", "two"} {
		done(t, engine, "volume.mount", on(object{"name": "v", "id": id}))
	}
	var bodies []string
	for _, h := range p.heard()[2:] {
		bodies = append(bodies, h.Body)
	}
	if diff := cmp.Diff([]string{`{"Name":"v","ID":"one"}`, `{"Name":"v","ID":"two"}`},
		bodies); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	for _, method := range []string{"volume.mount", "volume.unmount"} {
		if a := ask(t, engine, method, on(object{"name": "v"})); a.rc != -22 || a.Details != "id" {
			t.Errorf("%s without an id: %d %s", method, a.rc, a.raw)
		}
	}
}

func TestDockerCapabilities(t *testing.T) {
	engine := newEngine()
	p, options := dockers(t, "-scope", "global")
	for range 2 {
		if a := done(t, engine, "volume.capabilities",
			object{"plugin": "test-external-volume-driver", "options": options}); a.Scope != "global" {
			t.Errorf("%s", a.raw)
		}
	}
	if n := p.count("Capabilities"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// The volume is removed behind our back; what it was made as is not remembered, so it can be made
// anew.
func TestDockerOutOfBandDelete(t *testing.T) {
	engine, other := newEngine(), newEngine()
	p, options := dockers(t)
	request := object{"plugin": "test-external-volume-driver", "name": "test", "options": options}
	done(t, engine, "volume.create", request)
	done(t, other, "volume.remove", request)
	if a := ask(t, engine, "volume.remove", request); a.Kind != "volume-plugin-failed" ||
		!strings.Contains(a.Msg, "no volume test here") {
		t.Errorf("%s", a.raw)
	}
	done(t, engine, "volume.create", request)
	done(t, engine, "volume.get", request)
	if n := p.count("Create"); n != 2 {
		t.Errorf("created %d times", n)
	}
}

// A mount that the plugin refuses is not followed by an unmount.
func TestDockerUnmountOnMountFail(t *testing.T) {
	engine := newEngine()
	p, options := dockers(t)
	on := func(keys object) object {
		keys["plugin"], keys["options"] = "test-external-volume-driver", options
		return keys
	}
	done(t, engine, "volume.create",
		on(object{"name": "testumount", "opts": object{"invalidOption": "1"}}))
	a := ask(t, engine, "volume.mount", on(object{"name": "testumount", "id": "c"}))
	if a.Kind != "volume-plugin-failed" || !strings.Contains(a.Msg, "invalid argument") ||
		p.count("Unmount") != 0 {
		t.Errorf("%s, %d unmounts", a.raw, p.count("Unmount"))
	}
}

// UnmountOnCp: a mount for a moment, under an id of its own, leaves others alone.
func TestDockerUnmountOnCp(t *testing.T) {
	engine := newEngine()
	p, options := dockers(t)
	on := func(keys object) object {
		keys["plugin"], keys["options"], keys["name"] = "test-external-volume-driver", options, "v"
		return keys
	}
	done(t, engine, "volume.create", on(object{}))
	at := done(t, engine, "volume.mount", on(object{"id": "container"})).Mountpoint
	done(t, engine, "volume.mount", on(object{"id": "copy"}))
	done(t, engine, "volume.unmount", on(object{"id": "copy"}))
	if a := done(t, engine, "volume.path", on(object{})); a.Mountpoint != at ||
		p.count("Unmount") != 1 {
		t.Errorf("%s; want %s", a.raw, at)
	}
	done(t, engine, "volume.unmount", on(object{"id": "container"}))
	if a := done(t, engine, "volume.path", on(object{})); a.Mountpoint != "" {
		t.Errorf("unmounted, and the path is %s", a.raw)
	}
}

// WithDaemonRestart: a new engine, as of a new process, finds the plugin and its volumes.
func TestDockerWithDaemonRestart(t *testing.T) {
	p, options := dockers(t)
	request := object{"plugin": "test-external-volume-driver", "name": "abc1", "options": options}
	done(t, newEngine(), "volume.create", request)
	done(t, newEngine(), "volume.get", request)
	if diff := cmp.Diff([]string{"Plugin.Activate", "Create", "Plugin.Activate", "Get"},
		p.paths()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// A server that accepts and never reads: its queue of connections is full, and that is said in
// time.
func TestFullQueueOfConnections(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "full.sock")
	listener := listenBacklog(t, socket, 0)
	defer listener.Close()
	first, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	began := time.Now()
	a := ask(t, newEngine(), "volume.list",
		object{
			"plugin": "unix://" + socket, "options": object{"volumeTimeouts": object{"connectMs": 200}},
		})
	if a.Kind != "volume-plugin-unreachable" ||
		!strings.Contains(a.Msg, "queue of connections is full") || time.Since(began) > 2*time.Second {
		t.Errorf("%d %s", a.rc, a.raw)
	}
}

// listenBacklog listens on a socket with a queue for that many connections, and never accepts.
func listenBacklog(t *testing.T, path string, backlog int) *os.File {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = syscall.Listen(fd, backlog)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), path)
}
