package chain

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

const patience = rig.Patience

// transfer is a connection over which data go to and fro until it is closed.
type transfer struct {
	conn  net.Conn
	round atomic.Int64
	ended chan error
}

// transfer begins one and returns when it runs.
func (h *host) transfer(netns, address string) *transfer {
	h.T.Helper()
	tr := &transfer{ended: make(chan error, 1)}
	rig.Must(h.T, rig.Within(netns, func() (err error) {
		tr.conn, err = net.DialTimeout("tcp", address, patience)
		return err
	}))
	h.T.Cleanup(func() { tr.conn.Close() })
	rig.Must(h.T, tr.conn.SetDeadline(time.Now().Add(4*patience)))
	go func() { tr.ended <- tr.run() }()
	if err := tr.goesOn(); err != nil {
		h.T.Fatalf("the transfer does not begin: %v", err)
	}
	return tr
}

func (tr *transfer) run() error {
	back := make([]byte, 8192)
	for {
		n := tr.round.Add(1)
		sum := sha256.Sum256(fmt.Append(nil, n))
		sent := bytes.Repeat(sum[:], len(back)/len(sum))
		if _, err := tr.conn.Write(sent); err != nil {
			return err
		}
		if _, err := io.ReadFull(tr.conn, back); err != nil {
			return err
		}
		if !bytes.Equal(sent, back) {
			return errors.New("what comes back is not what was sent")
		}
	}
}

// goesOn waits for some more rounds, or returns what ended the transfer.
func (tr *transfer) goesOn() error {
	until, deadline := tr.round.Load()+20, time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for tr.round.Load() < until {
		select {
		case err := <-tr.ended:
			return err
		case <-deadline:
			return os.ErrDeadlineExceeded
		case <-tick.C:
		}
	}
	return nil
}

// rulesIn sorts the lines of the chains of a listing: chains stand in the order they were made in.
func rulesIn(listing string) []string {
	var rules []string
	for _, block := range strings.Split(listing, "\n\n") {
		if _, chain, found := strings.Cut(block, "chain "); found {
			rules = append(rules, strings.Split(chain, "\n")...)
		}
	}
	slices.Sort(rules)
	return rules
}

// TestRepairUnderARunningTransfer flushes all rules of the host while data are on their way through
// a published port.
func TestRepairUnderARunningTransfer(t *testing.T) {
	h := newHost(t)
	p := h.start()
	outside, first, second := h.outside(p), p.namespace("c1"), p.namespace("c2")
	one, two := h.attachment("a", "c1", first, 8080), h.attachment("b", "c2", second, 8081)
	p.must("add", one)
	p.must("add", two)
	h.Serve(first, ":80", "")
	h.Serve(second, ":80", "")
	h.Serve(outside, ":7000", "")
	everythingWorks := func(when string) {
		t.Helper()
		for _, way := range []struct{ name, from, to, want string }{
			{"from outside", outside, "192.0.2.1:8080", "192.0.2.9"},
			{"from outside, IPv6", outside, "[fd00:9::1]:8080", "fd00:9::9"},
			{"from outside to the other", outside, "192.0.2.1:8081", "192.0.2.9"},
			{"from the host", "", "192.0.2.1:8080", "192.0.2.1"},
			{"from the host by localhost", "", "127.0.0.1:8080", "10.1.0.1"},
			{"from the other network", second, "192.0.2.1:8080", "10.1.0.1"},
			{"from itself", first, "192.0.2.1:8080", "10.1.0.1"},
			{"to the outside", first, "192.0.2.9:7000", "192.0.2.1"},
			{"to the outside, IPv6", first, "[fd00:9::9]:7000", "fd00:9::1"},
		} {
			if got := h.Who(way.from, way.to, patience); got != way.want {
				t.Errorf("%s: %s: seen as %q, want %q", when, way.name, got, way.want)
			}
		}
	}
	everythingWorks("before")
	before := rulesIn(rig.Run(h.T, "nft", "list", "ruleset"))
	running := h.transfer(outside, "192.0.2.1:8080")

	rig.Run(h.T, "nft", "flush", "ruleset")
	for _, from := range []string{outside, ""} {
		if got := h.Who(from, "192.0.2.1:8080", 300*time.Millisecond); got != "" {
			t.Errorf("without rules: seen as %q", got)
		}
	}
	for _, c := range []object{one, two} {
		if a := p.call("check", c); a.Kind != "drift" {
			t.Errorf("CHECK without rules: %d %s", a.rc, a.text)
		}
	}
	repaired := h.command("repair", "--all")
	for _, id := range []string{"c1", "c2"} {
		for _, plugin := range []string{"bridge", "portmap", "firewall"} {
			if !strings.Contains(repaired, "\t"+id+"\teth0\t"+plugin+": ") {
				t.Errorf("nothing is said of %s of %s:\n%s", plugin, id, repaired)
			}
		}
	}
	everythingWorks("after")
	if diff := cmp.Diff(before, rulesIn(rig.Run(h.T, "nft", "list", "ruleset"))); diff != "" {
		t.Errorf("the rules (-before +after):\n%s", diff)
	}
	for _, c := range []object{one, two} {
		p.must("check", c)
	}
	if again := h.command("repair", "--all"); again != "" {
		t.Errorf("a second repair finds\n%s", again)
	}
	// It was without translation for a while: it continues, or its end is reported like that of any
	// connection.
	err := running.goesOn()
	if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) &&
		!errors.Is(err, io.EOF) && !os.IsTimeout(err) {
		t.Errorf("the transfer: %v", err)
	}
	t.Logf("the transfer that was running: %v", err)
	if err := h.transfer(outside, "192.0.2.1:8080").goesOn(); err != nil {
		t.Errorf("a new transfer: %v", err)
	}
	for _, c := range []object{one, two} {
		p.must("del", c)
	}
	if on := rig.Run(h.T, "sh", "-c",
		"grep -l 1 /proc/sys/net/ipv4/conf/*/route_localnet || :"); on != "" {
		t.Errorf("route_localnet is left on:\n%s", on)
	}
}
