package conf_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/conf"
)

func network(name, extra string) []byte {
	return []byte(fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"plugins":[{"type":"bridge"%s}]}`, name, extra))
}

func TestParserKnowsATextAgain(t *testing.T) {
	var p conf.Parser
	first, err := p.Parse(network("a", ""))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.Parse(network("a", "")); err != nil || again != first {
		t.Errorf("the same text: %p, %v; want %p", again, err, first)
	}
	other, err := p.Parse(network("a", `,"mtu":1400`))
	if err != nil || string(other.Plugins[0].Raw) != `{"type":"bridge","mtu":1400}` {
		t.Errorf("another text of the same name: %s, %v", other.Plugins[0].Raw, err)
	}
}

func TestParserDoesNotHoldTheCallersText(t *testing.T) {
	var p conf.Parser
	text := network("a", "")
	list, err := p.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	copy(text, network("b", "")) // as C does with what it gave
	if diff := cmp.Diff(string(network("a", "")), string(list.Raw)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if list, err = p.Parse(text); err != nil || list.Name != "b" {
		t.Errorf("network %q, %v", list.Name, err)
	}
}

func TestParserRemembersNoErrors(t *testing.T) {
	var p conf.Parser
	for range 2 {
		if _, err := p.Parse([]byte(`{"name":"a"}`)); err == nil || !strings.Contains(err.Error(), "plugins") {
			t.Errorf("got %v", err)
		}
	}
}

func TestParserServesManyNetworksAtOnce(t *testing.T) {
	var p conf.Parser
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 200 {
				name := fmt.Sprint("net", (i*7+worker)%40)
				if list, err := p.Parse(network(name, "")); err != nil || list.Name != name {
					t.Errorf("asked for %s: %v", name, err)
				}
			}
		})
	}
	group.Wait()
}
