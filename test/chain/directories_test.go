package chain

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// TestProcessesWithOtherDirectoriesShareABridge has processes that know nothing of each other's
// state attach to one network at the same moment. They have no lock in common but that of the
// addresses.
func TestProcessesWithOtherDirectoriesShareABridge(t *testing.T) {
	const callers, rounds = 4, 15
	h := newHost(t)
	var processes []*process
	var options []object
	for i := range callers {
		processes = append(processes, h.start())
		options = append(options, object{"confDir": h.Path("conf"), "builtins": "only",
			"cacheDir": h.Path(fmt.Sprint("cache", i)), "stateDir": h.Path(fmt.Sprint("state", i))})
	}

	address := regexp.MustCompile(`"address": ?"(10\.[0-9.]+)/`)
	holders := map[string]string{}
	var requests []object
	for round := range rounds {
		requests = requests[:0]
		for i, p := range processes {
			id := fmt.Sprintf("c%d-%d", i, round)
			request := h.attachment("a", id, p.namespace(id), 8000+100*i+round)
			request["options"] = options[i]
			requests = append(requests, request)
		}
		for i, p := range processes {
			rig.Must(t, p.send("add", requests[i]))
		}
		for i, p := range processes {
			got, err := p.receive()
			rig.Must(t, err)
			found := address.FindStringSubmatch(got.text)
			if got.rc != 0 || found == nil {
				t.Fatalf("round %d: %d %s", round, got.rc, got.text)
			}
			if other := holders[found[1]]; other != "" {
				t.Errorf("%s is given to %s and %v", found[1], other, requests[i]["containerId"])
			}
			holders[found[1]] = fmt.Sprint(requests[i]["containerId"])
		}
	}
	for i, p := range processes { // the last of each, with those of the others around
		p.must("check", requests[i])
		p.must("del", requests[i])
	}
}
