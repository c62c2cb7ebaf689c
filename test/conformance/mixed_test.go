package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// mixed is a network that Go's libcni with the executables and libcni.so with its built-in plugins
// both use, with one cache and one store of addresses.
type mixed struct {
	*host
	goSide, cSide *driver
	plugin        string // keys of the plugin that makes the interface
}

func newMixed(t testing.TB) *mixed {
	h := newHost(t)
	return &mixed{h, h.reference(), h.ours(), `"type":"bridge","bridge":"br0","isGateway":true`}
}

// side returns a driver and the beginning of its requests.
func (m *mixed) side(ours bool) (*driver, object) {
	if ours {
		return m.cSide, m.shared(true)
	}
	return m.goSide, m.shared(false)
}

func (m *mixed) shared(ours bool) object {
	request := m.request(ours)
	if ours {
		options := request["options"].(object)
		options["pluginDirs"], options["builtins"] = []string{rig.Peers(m.T)}, "prefer"
	}
	network := `{"cniVersion":"1.1.0","name":"net","plugins":[{` + m.plugin + `,
		"ipam":{"type":"host-local","dataDir":"DIR/leases","ranges":[[{"subnet":"10.1.0.0/26"}],[{"subnet":"fd00:1::/64"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}`
	return with(request, object{"network": json.RawMessage(fill(network, m.Dir))})
}

func (m *mixed) leases() []string {
	return m.files(m.Path("leases/net"), "lock", "last_reserved_ip.0", "last_reserved_ip.1")
}

// expectNothing shows that no attachment left anything. The bridge stays for the next one. The
// kernel takes its time to remove a namespace, and the other ends of its cables with it.
func (m *mixed) expectNothing(containers ...string) {
	m.T.Helper()
	for deadline := time.Now().Add(patience); len(m.links("", "br0")) > 0 &&
		time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	left := map[string][]string{
		"links": m.links("", "br0"), "leases": m.leases(), "cache": m.files(m.Path("cache/results")),
		"intents": m.files(m.Path("state/intents")),
	}
	for _, netns := range containers {
		left["links"] = append(left["links"], m.links(netns)...)
	}
	for what, names := range left {
		if len(names) > 0 {
			m.T.Errorf("%s left: %v", what, names)
		}
	}
}

func TestAttachedByOneCheckedAndRemovedByTheOther(t *testing.T) {
	for side, attachedByOurs := range map[string]bool{
		"attached by the executables": false, "attached by the built-ins": true,
	} {
		for name, plugin := range map[string]string{
			"bridge":                `"type":"bridge","bridge":"br0","isGateway":true`,
			"ptp":                   `"type":"ptp"`,
			"ptp with masquerading": `"type":"ptp","ipMasq":true,"ipMasqBackend":"nftables"`,
		} {
			t.Run(name+" "+side, func(t *testing.T) {
				m := newMixed(t)
				m.plugin = plugin
				m.attachByOne(attachedByOurs)
			})
		}
	}
}

// attachByOne attaches with one side, checks and removes with the other, and expects nothing left.
func (m *mixed) attachByOne(attachedByOurs bool) {
	m.T.Helper()
	adder, addRequest := m.side(attachedByOurs)
	remover, delRequest := m.side(!attachedByOurs)
	netns := m.container("netns")
	container := object{"containerId": "c1", "netns": netns}
	result := adder.must("add", with(addRequest, container))

	remover.must("check", with(delRequest, container))
	m.expectListed(netns, result)
	for _, to := range addresses(m.T, result, "gateway") {
		if err := exchange("tcp", to, "", netns); err != nil {
			m.T.Errorf("to the gateway: %v", err)
		}
	}
	remover.must("del", with(delRequest, container))
	m.expectNothing(netns)
	remover.must("del", with(delRequest, container)) // again
}

// expectListed shows that libcni.so lists the attachment with its result.
func (m *mixed) expectListed(netns string, result json.RawMessage) {
	m.T.Helper()
	_, request := m.side(true)
	var list struct {
		Attachments []struct {
			Network, ContainerID, IfName, Netns, State string
			Result                                     json.RawMessage
		}
	}
	answer := m.cSide.must("attachments", object{"options": request["options"]})
	if err := json.Unmarshal(answer, &list); err != nil {
		m.T.Fatal(err)
	}
	if len(list.Attachments) != 1 {
		m.T.Fatalf("attachments: %s", answer)
	}
	a := list.Attachments[0]
	if got, want := []string{a.Network, a.ContainerID, a.IfName, a.Netns, a.State}, []string{
		"net", "c1", "eth0", netns, "attached",
	}; !slices.Equal(got, want) {
		m.T.Errorf("listed as %v, want %v", got, want)
	}
	if diff := cmp.Diff(decode(m.T, result), decode(m.T, a.Result)); diff != "" {
		m.T.Errorf("result (-of ADD +listed):\n%s", diff)
	}
}

// A container whose namespace and configuration are gone is removed by what is remembered of it.
func TestAttachedByTheExecutablesAndGone(t *testing.T) {
	m := newMixed(t)
	adder, request := m.side(false)
	netns := m.container("netns")
	adder.must("add", with(request, object{"containerId": "c1", "netns": netns}))
	m.vanish(netns)
	_, ours := m.side(true)
	m.cSide.must("del", object{"containerId": "c1", "options": ours["options"]})
	m.expectNothing()
}

func TestAddressesAreNeverGivenTwiceInTurns(t *testing.T) {
	m := newMixed(t)
	held := map[string]string{}
	for i := range 24 {
		d, request := m.side(i%2 == 0)
		id := fmt.Sprint("c", i)
		result := d.must("add",
			with(request, object{"containerId": id, "netns": m.container("netns-" + id)}))
		for _, address := range addresses(t, result, "address") {
			if held[address] != "" {
				t.Errorf("%s is given to %s and %s", address, held[address], id)
			}
			held[address] = id
		}
		if i%3 == 2 { // the one before goes, by the other side
			gone := fmt.Sprint("c", i-1)
			d.must("del", with(request, object{"containerId": gone, "netns": m.Path("netns-" + gone)}))
			for address, id := range held {
				if id == gone {
					delete(held, address)
				}
			}
		}
	}
	if got := len(m.leases()); got != len(held) || got != 32 {
		t.Errorf("%d leases for %d addresses of 16 containers", got, len(held))
	}
}

// attached is a container and what it was given.
type attached struct {
	id        string
	addresses []string
	err       error
}

func TestAddressesAreNeverGivenTwiceAtOnce(t *testing.T) {
	m := newMixed(t)
	const workers, each = 4, 8 // half of the workers on each side, each a process
	results := make(chan attached, workers*each)
	var wait sync.WaitGroup
	for w := range workers {
		ours := w%2 == 0
		d := m.reference()
		if ours {
			d = m.ours()
		}
		var requests []object
		for i := range each {
			id := fmt.Sprintf("w%d-%d", w, i)
			requests = append(requests,
				with(m.shared(ours), object{"containerId": id, "netns": m.container("netns-" + id)}))
		}
		wait.Go(func() {
			for i, request := range requests {
				results <- m.attach(d, request, i%4 == 0)
			}
		})
	}
	wait.Wait()
	close(results)
	held := map[string]string{}
	for r := range results {
		if r.err != nil {
			t.Errorf("%s: %v", r.id, r.err)
		}
		for _, address := range r.addresses {
			if held[address] != "" {
				t.Errorf("%s is given to %s and %s", address, held[address], r.id)
			}
			held[address] = r.id
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(held)),
		slices.Sorted(slices.Values(m.leases()))); diff != "" {
		t.Errorf("leases (-held +in the store):\n%s", diff)
	}
}

// attach attaches a container, and if it is restless detaches it and attaches it once more.
func (m *mixed) attach(d *driver, request object, restless bool) attached {
	result := attached{id: request["containerId"].(string)}
	methods := []string{"add"}
	if restless {
		methods = []string{"add", "del", "add"}
	}
	for _, method := range methods {
		a, err := d.try(method, request)
		if err == nil && a.rc != 0 {
			err = fmt.Errorf("%s: %d %s", method, a.rc, a.response)
		}
		if err != nil {
			result.err = err
			return result
		}
		if method == "add" {
			result.addresses = addresses(m.T, a.response, "address")
		}
	}
	return result
}
