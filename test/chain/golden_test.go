package chain

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

var update = flag.Bool("update", false, "write the golden files")

// TestRulesGrowWithNetworks lists the table, as nft prints it, for 1, 2, 100 and no containers on
// two networks. For 2 and for 100 the rules are the same: only elements are more.
func TestRulesGrowWithNetworks(t *testing.T) {
	h := newHost(t)
	p := h.start()
	var all []object
	rules := map[int]string{}
	for _, count := range []int{1, 2, 100} {
		for len(all) < count {
			n := len(all)
			id := fmt.Sprintf("c%d", n)
			c := h.attachment([]string{"a", "b"}[n%2], id, p.namespace(id), 8000+n)
			p.must("add", c)
			all = append(all, c)
		}
		listing := h.listing()
		golden(t, fmt.Sprintf("containers-%d.nft", count), listing)
		rules[count] = listing[strings.Index(listing, "\tchain"):]
	}
	if diff := cmp.Diff(rules[2], rules[100]); diff != "" {
		t.Errorf("rules for 2 and 100 containers (-2 +100):\n%s", diff)
	}
	for _, c := range all {
		p.must("del", c)
	}
	golden(t, "containers-0.nft", h.listing())
}

// listing is the table as nft prints it, without the boot and the index of containers' links.
// Before 1.1 nft has no name for this priority of the output hook.
func (h *host) listing() string {
	h.T.Helper()
	ofLink := regexp.MustCompile(`: 0x[0-9a-f]{8} \. 0x[0-9a-f]{8}`)
	listing := ofLink.ReplaceAllString(rig.Run(h.T, "nft", "list", "table", "inet", "libcni"),
		": BOOT . LINK")
	return strings.ReplaceAll(listing, "hook output priority dstnat;", "hook output priority -100;")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		rig.Must(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	rig.Must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
