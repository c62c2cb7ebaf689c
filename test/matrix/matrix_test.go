package matrix

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// chosen are the settings of this run: CNI_MATRIX is empty for all pairs of factors, "all", or
// words of settings.
func chosen() []setting {
	switch words := os.Getenv("CNI_MATRIX"); words {
	case "":
		return covering(settings())
	case "all":
		return settings()
	default:
		return matching(settings(), words)
	}
}

func everyCell(cell) bool { return true }

// TestMain runs several settings at once: most of their time is waiting for what must not come.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestWhoReachesWhom(t *testing.T) {
	for _, s := range chosen() {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s, false)
			w.status()
			w.compare("attached", everyCell)
			w.flushed()
			w.loaded()
		})
	}
}

// compare probes the selected cells and reports those with another result than the rule's.
func (w *world) compare(when string, selected func(cell) bool) {
	w.T.Helper()
	var wrong []mismatch
	for c, got := range w.results(selected) {
		if want := w.expected(c); got != want {
			wrong = append(wrong, mismatch{c, got, want})
		}
	}
	for _, line := range summary(wrong) {
		w.T.Errorf("%s: %s", when, line)
	}
}

// status compares the answers of STATUS.
func (w *world) status() {
	w.T.Helper()
	a := w.Call("status", object{"network": w.network("a", "br-x")}, w.options())
	var failure struct{ Code int }
	rig.Must(w.T, json.Unmarshal(a.Response, &failure))
	if failure.Code != w.expectedStatus() {
		w.T.Errorf("STATUS: %s, want code %d", a.Response, w.expectedStatus())
	}
}

// flushed removes the rules of the host but firewalld's, has the other firewalls put back theirs,
// and repairs.
func (w *world) flushed() {
	w.flush()
	w.compare("flushed", func(c cell) bool { return c.target == toHostLoopback })
	if w.backend == firewalld {
		w.CallFirewalld("reload", nil)
	}
	w.foreignFirewall().install(w.T)
	w.must("repair", object{"all": true})
	w.compare("repaired", everyCell)
}

// flush removes all tables but those of firewalld, which cannot do without.
func (w *world) flush() {
	for _, table := range w.tables() {
		rig.Run(w.T, "nft", "delete", "table", table[0], table[1])
	}
}

// tables returns families and names of the tables but firewalld's.
func (w *world) tables() [][2]string {
	var all [][2]string
	for line := range strings.Lines(rig.Run(w.T, "nft", "list", "tables")) {
		if words := strings.Fields(line); words[2] != firewalld {
			all = append(all, [2]string{words[1], words[2]})
		}
	}
	return all
}

// loaded saves the rules and loads them again: the tables of iptables with iptables if it has rules
// that nft cannot load, everything else with nft.
func (w *world) loaded() {
	saved := map[string]string{} // by program
	for _, table := range w.tables() {
		if program := "iptables"; w.backend == iptables && table[0] != "inet" && table[0] != "bridge" {
			if table[0] == "ip6" {
				program = "ip6tables"
			}
			saved[program+"-restore"] = rig.Run(w.T, program+"-save")
			continue
		}
		saved["nft"] += rig.Run(w.T, "nft", "list", "table", table[0], table[1])
	}
	w.flush()
	for program, rules := range saved {
		args := []string{}
		if program == "nft" {
			args = []string{"-f", "-"}
		}
		feed(w.T, rules, program, args...)
	}
	w.compare("loaded", everyCell)
	for _, c := range w.all {
		w.must("check", c)
	}
}
