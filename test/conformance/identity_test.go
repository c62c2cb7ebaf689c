package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// modes are the two ways libcni.so runs the plugins of a mixed network.
var modes = map[string]string{"built-in plugins": "only", "executables": "never"}

func (m *mixed) oursWith(builtins string) object {
	request := m.shared(true)
	request["options"].(object)["builtins"] = builtins
	return request
}

// The path of c1's namespace now leads to c2's. What is done to c1 leaves c2 as it is.
func TestPathOfAnotherContainersNamespace(t *testing.T) {
	for name, builtins := range modes {
		for _, verb := range []string{"del", "gc"} {
			t.Run(verb+" with "+name, func(t *testing.T) {
				m := newMixed(t)
				request := m.oursWith(builtins)
				path := m.container("netns")
				m.cSide.must("add", with(request, object{"containerId": "c1", "netns": path}))
				m.vanish(path)
				m.container("netns")
				result := m.cSide.must("add", with(request, object{"containerId": "c2", "netns": path}))
				before := m.links(path)

				if verb == "del" {
					m.cSide.must("del", with(request, object{"containerId": "c1", "netns": path}))
				} else {
					more := asOf(m.host, m.cSide)
					more["validAttachments"] = []object{{"containerId": "c2", "ifName": "eth0"}}
					m.cSide.must("gc", with(request, more, object{"containerId": ""}))
				}
				m.expectIntact("c2", path, request, result, before)
				m.cSide.must("del", with(request, object{"containerId": "c2", "netns": path}))
				m.expectNothing(path)
			})
		}
	}
}

// expectIntact shows that a container is alone on the network, is as its ADD left it, and is
// reached.
func (m *mixed) expectIntact(
	id, netns string, request object, result json.RawMessage, links []string,
) {
	m.T.Helper()
	if diff := cmp.Diff(links, m.links(netns)); diff != "" {
		m.T.Errorf("interfaces of %s (-before +after):\n%s", id, diff)
	}
	if diff := cmp.Diff(addresses(m.T, result, "address"), m.leases()); diff != "" {
		m.T.Errorf("leases (-of %s +all):\n%s", id, diff)
	}
	m.cSide.must("check", with(request, object{"containerId": id, "netns": netns}))
	for _, to := range addresses(m.T, result, "gateway") {
		if err := exchange("tcp", to, "", netns); err != nil {
			m.T.Errorf("from %s to %s: %v", id, to, err)
		}
	}
}

// A runtime that lost its memory attaches a running container once more. It is refused, and the
// container runs on.
func TestSecondAddWithoutMemory(t *testing.T) {
	for name, builtins := range modes {
		t.Run(name, func(t *testing.T) {
			m := newMixed(t)
			request := with(m.oursWith(builtins), object{"containerId": "c1", "netns": m.container("netns")})
			netns := m.Path("netns")
			result := m.cSide.must("add", request)
			before := m.links(netns)
			entry := m.takeMemory()

			a := m.cSide.call("add", request)
			if kind := decode(t, a.response).(object)["kind"]; a.rc >= 0 || kind != "exists" {
				t.Errorf("the second ADD: %d %s", a.rc, a.response)
			}
			m.restoreMemory(entry)
			m.expectIntact("c1", netns, request, result, before)
			m.cSide.must("del", request)
			m.expectNothing(netns)
		})
	}
}

// takeMemory removes what libcni.so and Go's libcni know of attachments, and returns it.
func (m *mixed) takeMemory() map[string]string {
	m.T.Helper()
	memory := map[string]string{}
	for _, name := range m.files(m.Path("cache/results")) {
		data, err := os.ReadFile(m.Path("cache/results/" + name))
		if err != nil {
			m.T.Fatal(err)
		}
		memory[name] = string(data)
	}
	for _, dir := range []string{"cache", "state"} {
		if err := os.RemoveAll(m.Path(dir)); err != nil {
			m.T.Fatal(err)
		}
	}
	return memory
}

func (m *mixed) restoreMemory(memory map[string]string) {
	m.T.Helper()
	for name, content := range memory {
		writeFile(m.T, m.Path("cache/results/"+name), content)
	}
}

// A thread that stayed in a container's namespace would keep it alive, and the host's end of its
// cable.
func TestNoThreadStaysInANamespace(t *testing.T) {
	m := newMixed(t)
	for name, builtins := range modes {
		for i := range 12 {
			request := with(m.oursWith(builtins),
				object{"containerId": fmt.Sprint("c", i), "netns": m.container(fmt.Sprint(builtins, i))})
			m.cSide.must("add", request)
			m.cSide.must("del", request)
		}
		if got := m.cSide.namespaces(); len(got) != 1 {
			t.Errorf("%s: the threads of the process are in %d network namespaces: %v", name, len(got), got)
		}
	}
}
