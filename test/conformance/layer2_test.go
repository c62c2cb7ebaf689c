package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// TestLayer2InOldVersions attaches a container without IPAM plugin in the versions whose results
// have nothing but addresses: the executable makes the interface and fails, the built-in succeeds.
func TestLayer2InOldVersions(t *testing.T) {
	for _, version := range []string{"0.1.0", "0.2.0"} {
		t.Run(version, func(t *testing.T) {
			h := newHost(t)
			m := &mixed{host: h, goSide: h.reference(), cSide: h.ours()}
			add := func(ours bool) answer {
				d, request := m.side(ours)
				return d.call("add", with(request, object{
					"network": json.RawMessage(fmt.Sprintf(`{"cniVersion":%q,"name":"net","plugins":[`+
						`{"type":"bridge","bridge":"br0"}]}`, version)),
					"containerId": fmt.Sprint("c", ours), "netns": h.container(fmt.Sprint("netns-", ours)),
				}))
			}

			reference := add(false)
			if reference.rc == 0 || !strings.Contains(string(reference.response), "convert") {
				t.Errorf("executable: %d %s", reference.rc, reference.response)
			}
			if got := h.links(h.Path("netns-false")); len(got) != 1 {
				t.Errorf("the executable makes %v", got)
			}

			a := add(true)
			var result struct {
				CNIVersion string
				IP4, IP6   any
			}
			rig.Must(t, json.Unmarshal(a.response, &result))
			if a.rc != 0 || result.CNIVersion != version || result.IP4 != nil || result.IP6 != nil {
				t.Errorf("built-in: %d %s", a.rc, a.response)
			}
			if got := h.links(h.Path("netns-true")); len(got) != 1 {
				t.Errorf("the built-in makes %v", got)
			}
		})
	}
}
