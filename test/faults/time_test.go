package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core"
	"github.com/libcni/libcni/test/rig"
)

// The numbers of the paragraph TIME of cni.h: what is between SIGTERM and SIGKILL, and what may be
// in progress at the end; the second one is for large requests.
const (
	grace         = 2 * time.Second
	progress      = 250 * time.Millisecond
	largeProgress = 2 * time.Second
)

// trouble is something that keeps calls from ending.
type trouble struct {
	name string
	// make makes it and returns what the requests have beyond the usual.
	make      func(*timed) map[string]any
	processes bool // plugin processes run at the deadline
	methods   string
	busy      string // in the message of an ADD that fails with kind busy
	large     bool   // the ADD, which needs more time, is also made with other deadlines
}

// timed is a host whose calls are timed.
type timed struct {
	*host
	engine *core.Engine
	t      *testing.T
	other  func() map[string]any // the attachment that there is; nil for none
}

// promise computes from a request when a call ends, as cni.h states it. progress is left out.
func promise(method string, request map[string]any, processes bool) time.Duration {
	options := request["options"].(map[string]any)
	milliseconds := func(key string, otherwise int) time.Duration {
		if value, given := options[key].(int); given {
			otherwise = value
		}
		return time.Duration(otherwise) * time.Millisecond
	}
	end, undo := milliseconds("timeoutMs", 60000), milliseconds("rollbackTimeoutMs", 10000)
	if strings.HasPrefix(method, "volume.") {
		end = milliseconds("timeoutMs", 120000)
	}
	if processes {
		end, undo = end+grace, undo+grace
	}
	undoes := method == "add" || method == "volume.mount"
	if rollback, given := options["rollback"].(bool); undoes && (!given || rollback) {
		end += undo
	}
	return end
}

// TestCallsEndAtTheTimePromised holds every verb to the paragraph TIME of cni.h in every trouble,
// and prints how long the latest call took beyond it.
func TestCallsEndAtTheTimePromised(t *testing.T) {
	longest, latest := map[bool]time.Duration{}, map[bool]string{} // of large requests, and others
	for _, trouble := range troubles() {
		t.Run(trouble.name, func(t *testing.T) {
			h := newTimed(t)
			more := trouble.make(h)
			for _, method := range strings.Fields(trouble.methods) {
				for _, timeout := range trouble.timeouts(method) {
					request := h.timedRequest(method, more, timeout)
					// "plugins" asks those that are installed for their versions.
					over, a := h.overshoot(method, request, trouble.processes || method == "plugins")
					t.Logf("%s (%d ms): %v beyond, %d %.200s", method, timeout,
						over.Round(time.Millisecond), a.RC, a.Response.Msg)
					if over > trouble.progress() {
						t.Errorf("%s ended %v later than promised: %.300v", method, over, a)
					}
					if over > longest[trouble.large] {
						longest[trouble.large], latest[trouble.large] = over, trouble.name+": "+method
					}
					if method == "add" && trouble.busy != "" {
						h.mustBeBusy(a, trouble.busy)
					}
				}
				if method == "add" && trouble.large { // what the other verbs are about
					_, a := h.overshoot(method, h.timedRequest(method, more, 60000), false)
					t.Logf("add in a minute: %d %.200s", a.RC, a.Response.Msg)
				}
			}
		})
	}
	for large, what := range map[bool]string{false: "usual", true: "large"} {
		t.Logf("longest overshoot of %s requests: %v (%s)", what,
			longest[large].Round(time.Millisecond), latest[large])
	}
}

// progress is what a call may take beyond the promise.
func (t trouble) progress() time.Duration {
	if t.large {
		return largeProgress
	}
	return progress
}

// timeouts are those that a method is tried with.
func (t trouble) timeouts(method string) []int {
	if t.large && method == "add" {
		return []int{50, 300, 1000}
	}
	return []int{300}
}

func newTimed(t *testing.T) *timed {
	h := &timed{host: newHost(t, command(t)), engine: core.New(core.Options{}), t: t}
	self, err := os.Executable()
	rig.Must(t, err)
	for _, name := range []string{
		"stubborn", "stubborn.ADD.DEL", "stubborn.DEL", "stubborn.CHECK", "stubborn.GC",
		"stubborn.STATUS", "stubborn.VERSION",
	} {
		rig.Must(t, os.Symlink(self, h.Path("plugins/"+name)))
	}
	return h
}

// timedRequest is a request of a method that has timeout milliseconds.
func (h *timed) timedRequest(method string, more map[string]any, timeout int) map[string]any {
	options := h.options()
	options["timeoutMs"], options["rollbackTimeoutMs"] = timeout, 400
	request := h.attachment()
	if method != "add" && h.other != nil {
		request = h.other()
	}
	switch {
	case strings.HasPrefix(method, "volume."):
		request = map[string]any{"plugin": "unix://" + h.Path("volume.sock"), "name": "v", "id": "i"}
	case method == "gc":
		asOf := h.must("attachments", nil).Response.AsOf
		request = map[string]any{"network": h.network(), "validAttachments": []any{}, "asOf": asOf}
	case method == "status" || method == "validate":
		request = map[string]any{"network": h.network()}
	case method == "networks" || method == "attachments" || method == "plugins":
		request = map[string]any{}
	}
	for key, value := range more {
		if _, has := request[key]; has || key == "capabilityArgs" && method == "add" {
			request[key] = value
		}
	}
	request["options"] = options
	return request
}

// overshoot makes a call in this process and returns how much later than promised it ended.
func (h *timed) overshoot(method string, request map[string]any,
	processes bool) (time.Duration, answer) {
	h.t.Helper()
	data, err := json.Marshal(request)
	rig.Must(h.t, err)
	began := time.Now()
	rc, response := h.engine.Call(context.Background(), core.Caller{}, method, data)
	took := time.Since(began)
	a := h.parse(fmt.Appendf(nil, `{"rc":%d,"response":%s}`, rc, response))
	return took - promise(method, request, processes), a
}

func (h *timed) mustBeBusy(a answer, path string) {
	h.t.Helper()
	if a.Response.Kind != "busy" {
		h.t.Errorf("kind %s, want busy: %v", a.Response.Kind, a)
	}
	for _, want := range []string{path, "is held by process ", "(faults.test), which is stopped"} {
		if !strings.Contains(a.Response.Msg, want) {
			h.t.Errorf("%q does not say %q", a.Response.Msg, want)
		}
	}
}

// stopWith starts a process that takes a lock and stops.
func (h *timed) stopWith(file string, bytes ...int64) {
	h.t.Helper()
	what := h.Path(file)
	for _, number := range bytes {
		what += fmt.Sprintf(":%d", number)
	}
	self, err := os.Executable()
	rig.Must(h.t, err)
	cmd := exec.Command(self)
	cmd.Env = append(environment(), holderVariable+"="+what)
	out, err := cmd.StdoutPipe()
	rig.Must(h.t, err)
	rig.Must(h.t, cmd.Start())
	h.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held <nil>\n" {
		h.t.Fatalf("the holder of %s: %q, %v", what, line, err)
	}
	var status unix.WaitStatus
	_, err = unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil)
	rig.Must(h.t, err)
}

// The verbs of attachments, of networks, and of volumes.
const (
	verbs       = "add check repair status validate gc networks attachments del"
	volumeVerbs = "volume.create volume.mount volume.unmount volume.path volume.get volume.list " +
		"volume.capabilities volume.remove"
)

func troubles() []trouble {
	all := []trouble{
		{name: "none", make: nothing, methods: verbs + " plugins"},
		{name: "volume plugin that does not answer", make: (*timed).silentVolumes,
			methods: volumeVerbs},
		{name: "FIFOs", make: (*timed).fifos, methods: verbs},
	}
	all = append(all, lockTroubles()...)
	all = append(all, stubbornTroubles()...)
	return append(all, largeTroubles()...)
}

func nothing(*timed) map[string]any { return nil }

// lockTroubles are locks that stopped processes hold, of an attachment that is there.
func lockTroubles() []trouble {
	const part = 1 << 61 // of the file of locks; see attachments
	var all []trouble
	for _, l := range []struct {
		name, file string
		bytes      []int64
	}{
		{"nft", "state/locks/nft", nil},
		{"host-local", "leases/web/lock", nil},
		{"bridge", "state/locks/bridge.br0", nil},
		{"gate", "cache/libcni/locks/calls", []int64{0, part}},
		{"network", "cache/libcni/locks/calls", []int64{part, part}},
		{"attachment", "cache/libcni/locks/calls", []int64{2 * part, part}},
		{"all calls", "cache/libcni/locks/calls", []int64{0, 0}},
	} {
		busy := l.file
		if l.name == "gate" || l.name == "bridge" {
			busy = "" // they let the call go on, or are taken only if the bridge changes
		}
		all = append(all, trouble{name: "lock of " + l.name, methods: verbs, busy: busy,
			make: func(h *timed) map[string]any {
				h.other = h.second
				h.must("add", h.other())
				h.stopWith(l.file, l.bytes...)
				return nil
			}})
	}
	return all
}

// silentVolumes listens and says nothing.
func (h *timed) silentVolumes() map[string]any {
	listener, err := net.Listen("unix", h.Path("volume.sock"))
	rig.Must(h.t, err)
	h.t.Cleanup(func() { listener.Close() })
	return nil
}

// fifos puts a FIFO where files are expected, after an attachment was made.
func (h *timed) fifos() map[string]any {
	h.must("add", h.attachment())
	for _, name := range []string{
		"cache/results/web-c9-eth0", "cache/libcni/x.tmp", "state/intents/web-c9-eth0",
		"leases/web/last_reserved_ip.0", "leases/web/10.9.0.77", "conf/a.conflist",
	} {
		rig.Must(h.t, os.MkdirAll(h.Path(name[:strings.LastIndexByte(name, '/')]), 0o755))
		_ = os.Remove(h.Path(name))
		rig.Must(h.t, unix.Mkfifo(h.Path(name), 0o600))
	}
	return nil
}

// stubbornTroubles are plugins that ignore signals, in the chain and as IPAM plugin.
func stubbornTroubles() []trouble {
	var all []trouble
	for _, s := range []struct{ plugin, methods string }{
		{"stubborn.ADD.DEL", "add del"}, {"stubborn.DEL", "add del gc"},
		{"stubborn.CHECK", "add check del"},
		{"stubborn.GC", "gc"}, {"stubborn.STATUS", "status"}, {"stubborn.VERSION", "add validate"},
	} {
		chained := map[string]any{"type": s.plugin}
		ipam := map[string]any{"type": "bridge", "bridge": "br0", "ipam": chained}
		for name, plugins := range map[string][]any{
			"in the chain": {map[string]any{"type": "bridge", "bridge": "br0"}, chained},
			"as IPAM":      {ipam},
		} {
			all = append(all, trouble{name: s.plugin + " " + name, methods: s.methods, processes: true,
				make: func(*timed) map[string]any { return network(plugins...) }})
		}
	}
	return all
}

func network(plugins ...any) map[string]any {
	return map[string]any{"network": map[string]any{"cniVersion": "1.1.0", "name": "web",
		"plugins": plugins}}
}

// largeTroubles are configurations and requests with tens of thousands of entries.
func largeTroubles() []trouble {
	bridge := func(keys map[string]any) map[string]any {
		all := map[string]any{"type": "bridge", "bridge": "br0", "isGateway": true,
			"ipam": map[string]any{"type": "static",
				"addresses": []any{map[string]any{"address": "10.9.0.2/24"}}}}
		for key, value := range keys {
			all[key] = value
		}
		return all
	}
	list := func(count int, entry func(i int) any) []any {
		all := make([]any, count)
		for i := range all {
			all[i] = entry(i)
		}
		return all
	}
	subnet := func(i int) any {
		return map[string]any{"subnet": fmt.Sprintf("10.%d.%d.%d/30", i>>14, i>>6&255, i<<2&255)}
	}
	ranges := func(h *timed, ranges []any) map[string]any {
		return network(bridge(map[string]any{"ipam": map[string]any{"type": "host-local",
			"dataDir": h.Path("leases"), "ranges": ranges}}))
	}
	return []trouble{
		{name: "65,000 mappings", methods: verbs, large: true, make: func(*timed) map[string]any {
			request := network(bridge(nil), map[string]any{"type": "portmap",
				"capabilities": map[string]any{"portMappings": true}})
			request["capabilityArgs"] = map[string]any{"portMappings": list(65000, func(i int) any {
				return map[string]any{"hostPort": i + 1, "containerPort": i + 1, "protocol": "udp"}
			})}
			return request
		}},
		{name: "50,000 ranges", methods: verbs, large: true, make: func(h *timed) map[string]any {
			return ranges(h, []any{list(50000, subnet)})
		}},
		{name: "50,000 range sets", methods: verbs, large: true, make: func(h *timed) map[string]any {
			return ranges(h, list(50000, func(i int) any { return []any{subnet(i)} }))
		}},
		{name: "100,000 entries of vlanTrunk", methods: verbs, large: true,
			make: func(*timed) map[string]any {
				return network(bridge(map[string]any{"vlanTrunk": list(100000, func(int) any {
					return map[string]any{"minID": 1, "maxID": 4094}
				})}))
			}},
		{name: "20,000 capabilities", methods: verbs, large: true, make: func(*timed) map[string]any {
			names, args := map[string]any{}, map[string]any{}
			for i := range 20000 {
				names[fmt.Sprint("c", i)], args[fmt.Sprint("c", i)] = true, 1
			}
			request := network(bridge(map[string]any{"capabilities": names}))
			request["capabilityArgs"] = args
			return request
		}},
		{name: "a long key", methods: "add check del", large: true, make: func(*timed) map[string]any {
			request := network(map[string]any{"type": "bridge"})
			request["network"].(map[string]any)[strings.Repeat("k", 15<<20)] = 1
			return request
		}},
	}
}

// A call that is cancelled ends within 2 s, and an ADD within R + 2 s more.
func TestCancelledCallsEndAtTheTimePromised(t *testing.T) {
	h := newTimed(t)
	for _, test := range []struct {
		method, plugin string
		most           time.Duration
	}{
		{"add", "stubborn.ADD.DEL", grace + 400*time.Millisecond + grace},
		{"status", "stubborn.STATUS", grace},
	} {
		config := network(map[string]any{"type": test.plugin})
		request := h.timedRequest(test.method, config, 60000)
		request["requestId"] = "r"
		data, err := json.Marshal(request)
		rig.Must(t, err)
		_ = os.Remove(h.Path("started")) // by the DEL that took the ADD back
		cancelled := make(chan time.Time)
		go func() {
			for os.Remove(h.Path("started")) != nil {
				time.Sleep(time.Millisecond)
			}
			h.engine.Cancel("r")
			cancelled <- time.Now()
		}()
		rc, response := h.engine.Call(context.Background(), core.Caller{}, test.method, data)
		over := time.Since(<-cancelled) - test.most
		t.Logf("%s: %v beyond", test.method, over.Round(time.Millisecond))
		if over > progress || rc != -int(unix.ECANCELED) {
			t.Errorf("%s: %v later than promised, %d %s", test.method, over, rc, response)
		}
	}
}
