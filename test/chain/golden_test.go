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
// Priorities are numbers.
func (h *host) listing() string {
	h.T.Helper()
	ofLink := regexp.MustCompile(`: 0x[0-9a-f]{8} \. 0x[0-9a-f]{8}`)
	return ofLink.ReplaceAllString(rig.Run(h.T, "nft", "-y", "list", "table", "inet", "libcni"),
		": BOOT . LINK")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		rig.Must(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	rig.Must(t, err)
	// Where a list of elements is broken into lines depends on the version of nft.
	breaks := regexp.MustCompile(`,\s+`)
	if diff := cmp.Diff(breaks.ReplaceAllString(string(want), ", "),
		breaks.ReplaceAllString(got, ", ")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
