package wire

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

func connect(t *testing.T) *Conn {
	t.Helper()
	namespace, err := CurrentNamespace()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(t.Context(), &Pool{}, namespace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Done)
	return c
}

// An answer that is larger than the buffer interrupts the connection, so that its caller asks
// again, with a larger buffer.
func TestLostAnswersInterrupt(t *testing.T) {
	netnstest.Host(t)
	c := connect(t)
	c.conn.Buffer = netlink.NewBuffer(16)
	var generation uint32
	if err := c.Ask(GetGeneration(&generation)); !errors.Is(err, ErrChanged) || !c.Interrupted {
		t.Fatalf("got %v, interrupted: %v", err, c.Interrupted)
	}

	c.Interrupted = false
	q := GetGeneration(&generation)
	if err := c.Ask(q); err != nil || q.Err() != nil || generation == 0 {
		t.Errorf("asked again: generation %d, %v, %v", generation, err, q.Err())
	}
}

func TestQuestionsOfOneDatagramHaveTheirOwnOutcomes(t *testing.T) {
	netnstest.Host(t)
	c := connect(t)
	var generation uint32
	var table Table
	var names []string
	first, second := GetGeneration(&generation), GetTable(unix.NFPROTO_INET, "none", &table)
	third := ListSets(unix.NFPROTO_INET, "none", &names)
	if err := c.Ask(first, second, third); err != nil {
		t.Fatal(err)
	}

	if first.Err() != nil || generation == 0 {
		t.Errorf("generation %d, %v", generation, first.Err())
	}
	if !errors.Is(second.Err(), ErrNotFound) || table.Exists {
		t.Errorf("a table that does not exist: %+v, %v", table, second.Err())
	}
	if found, err := second.Outcome(); found || err != nil {
		t.Errorf("its outcome is %v, %v", found, err)
	}
	if !third.IsList() || names != nil {
		t.Errorf("a list of %q", names)
	}
}
