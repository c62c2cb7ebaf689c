package chain

import (
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// TestOneOfTwoProcessesGetsThePort has two processes claim a port of the host at the same moment,
// each for a container of a network of its own.
func TestOneOfTwoProcessesGetsThePort(t *testing.T) {
	const rounds = 20
	h := newHost(t)
	names := [2]string{"a", "b"}
	var processes [2]*process
	var containers [2]object
	for i, name := range names {
		processes[i] = h.start()
		containers[i] = h.attachment(name, "of-"+name, processes[i].namespace(name), 8080)
		processes[i].must("add", containers[i]) // what the network needs is there afterwards
		processes[i].must("del", containers[i])
	}
	won := [2]int{}
	for round := range rounds {
		for i := range processes {
			first := (round + i) % 2
			rig.Must(t, processes[first].send("add", containers[first]))
		}
		var answers [2]answer
		for i, p := range processes {
			var err error
			answers[i], err = p.receive()
			rig.Must(t, err)
		}
		winner := 0
		if answers[1].rc == 0 {
			winner = 1
		}
		loser := 1 - winner
		won[winner]++
		if a := answers[winner]; a.rc != 0 {
			t.Fatalf("round %d: nobody has the port: %s and %s", round, answers[0].text, answers[1].text)
		}
		for _, part := range []string{
			"tcp 8080", "container of-" + names[winner], "network " + names[winner],
		} {
			if a := answers[loser]; a.rc == 0 || !strings.Contains(a.Msg, part) {
				t.Errorf("round %d: the other's answer is without %q: %d %s", round, part, a.rc, a.text)
			}
		}
		processes[winner].must("check", containers[winner])
		processes[winner].must("del", containers[winner])
		if left := rig.Run(h.T, "nft", "list", "table", "inet", "libcni"); strings.Contains(left,
			"id: of-") {
			t.Fatalf("round %d: left:\n%s", round, left)
		}
	}
	t.Logf("won: %v", won)
}
