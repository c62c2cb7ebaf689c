package nft_test

import (
	"context"
	"errors"
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
)

var rewrite = flag.Bool("update", false, "write the golden rule sets anew")

func list(t *testing.T, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("nft", append([]string{"-s", "list"}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("nft list %v: %v: %s", arguments, err, out)
	}
	return string(out)
}

func update(t *testing.T, state string, change func(tx *nft.Tx) error) {
	t.Helper()
	if err := nft.Update(context.Background(), state, change); err != nil {
		t.Fatal(err)
	}
}

var (
	inet = nft.Own(nft.Inet)
	post = nft.Chain{Table: inet, Name: "post", Type: "nat", Hook: nft.Postrouting,
		Priority: nft.PrioritySrcNAT, Comment: "what for"}
	forward = nft.Chain{Table: inet, Name: "forward", Hook: nft.Forward, Drop: true}
	pre     = nft.Chain{Table: inet, Name: "pre", Type: "nat", Hook: nft.Prerouting,
		Priority: nft.PriorityDstNAT}
	side    = nft.Chain{Table: inet, Name: "side"}
	sources = nft.Set{Table: inet, Name: "sources", Key: []nft.Type{nft.IPv4Addr}, Comment: "who"}
	nets    = nft.Set{Table: inet, Name: "nets", Key: []nft.Type{nft.IPv6Addr}, Interval: true}
	ports   = nft.Set{Table: inet, Name: "ports", Key: []nft.Type{nft.InetProto, nft.InetService},
		Data: []nft.Type{nft.IPv4Addr, nft.InetService}}
	ports6 = nft.Set{Table: inet, Name: "ports6", Key: []nft.Type{nft.InetProto, nft.InetService},
		Data: []nft.Type{nft.IPv6Addr, nft.InetService}}
	ways = nft.Set{Table: inet, Name: "ways", Key: []nft.Type{nft.IfName},
		Data: []nft.Type{nft.Verdict}}
	claims = nft.Set{Table: inet, Name: "claims",
		Key: []nft.Type{nft.IPv4Addr, nft.InetService}, Interval: true}
	owner = nft.Owner{Network: "web", ContainerID: "c1", IfName: "eth0"}
	other = nft.Owner{Network: "web", ContainerID: "c2", IfName: "eth0"}
)

// ofRange is the comment of a rule that versions of nft encode differently: since 1.1.1 a range is
// one expression.
const ofRange = "range"

func rules() []nft.Rule {
	return []nft.Rule{
		{Chain: post, Comment: "one", Exprs: nft.Do(nft.IsFamily(nft.IPv4),
			nft.In(sources, nft.SrcAddr4()), nft.NotInNetwork(nft.DstAddr4(),
				netip.MustParsePrefix("10.0.0.0/9")), nft.Masquerade())},
		{Chain: post, Exprs: nft.Do(nft.IsFamily(nft.IPv6), nft.NotIn(nets, nft.DstAddr6()),
			nft.CountPackets(), nft.Masquerade())},
		{Chain: pre, Exprs: nft.Do(nft.IsFamily(nft.IPv4), nft.ToLocal(),
			nft.RedirectFrom(ports, nft.IPv4, nft.L4Proto(), nft.DstPort()))},
		{Chain: pre, Exprs: nft.Do(nft.IsFamily(nft.IPv6), nft.ToLocal(),
			nft.RedirectFrom(ports6, nft.IPv6, nft.L4Proto(), nft.DstPort()))},
		{Chain: forward, Exprs: nft.Do(nft.InState(nft.Established|nft.Related), nft.Accept())},
		{Chain: forward, Exprs: nft.Do(nft.WithStatus(nft.DestinationTranslated), nft.Accept())},
		{Chain: forward, Exprs: nft.Do(nft.WithStatus(nft.DestinationTranslated), nft.IsReply(),
			nft.Accept())},
		{Chain: forward, Exprs: nft.VerdictFrom(ways, nft.OutLink())},
		{Chain: forward, Exprs: nft.Do(nft.HasMark(0x2000), nft.IsNot(nft.InLink(), nft.Name("lo")),
			nft.Goto(side))},
		{Chain: side, Exprs: nft.Do(nft.IsProto(17), nft.Is(nft.DstPort(), nft.Port(53)),
			nft.SetMark(0x2000), nft.Return())},
		{Chain: side, Exprs: nft.Do(nft.IsFamily(nft.IPv4),
			nft.InNetwork(nft.SrcAddr4(), netip.MustParsePrefix("127.0.0.0/8")),
			nft.NotInNetwork(nft.DstAddr4(), netip.MustParsePrefix("10.1.2.0/24")),
			nft.InNetwork(nft.DstAddr4(), netip.MustParsePrefix("10.1.2.3/32")), nft.Drop())},
		{Chain: side, Exprs: nft.Do(nft.IsFamily(nft.IPv6),
			nft.InNetwork(nft.SrcAddr6(), netip.MustParsePrefix("fd00::/8")),
			nft.InNetwork(nft.DstAddr6(), netip.MustParsePrefix("fd00:1::/63")), nft.Drop())},
		{Chain: side, Exprs: nft.Do(nft.IsFamily(nft.IPv4),
			nft.Is(nft.SrcAddr4(), nft.Addr(netip.MustParseAddr("10.1.2.3"))),
			nft.Is(nft.DstAddr4(), nft.Addr(netip.MustParseAddr("10.1.2.3"))), nft.IsProto(6),
			nft.Is(nft.SrcPort(), nft.Port(80)), nft.Is(nft.DstPort(), nft.Port(80)), nft.Drop())},
		{Chain: side, Exprs: nft.Do(nft.IsFamily(nft.IPv4),
			nft.InNetwork(nft.SrcAddr4(), netip.MustParsePrefix("10.1.0.0/16")),
			nft.InNetwork(nft.DstAddr4(), netip.MustParsePrefix("10.1.0.0/16")), nft.Drop())},
		{Chain: side, Comment: ofRange, Exprs: nft.Do(nft.IsProto(6),
			nft.Between(nft.DstPort(), nft.Port(80), nft.Port(90)),
			nft.NotBetween(nft.SrcPort(), nft.Port(0), nft.Port(1023)), nft.Drop())},
		{Chain: side, Exprs: nft.Do(nft.IsFamily(nft.IPv4), nft.IsProto(17),
			nft.In(claims, nft.DstAddr4(), nft.DstPort()), nft.Drop())},
	}
}

func everything(tx *nft.Tx) error {
	tx.Ensure(post, forward, pre, side, sources, nets, ports, ports6, ways, claims)
	var errs []error
	for _, r := range rules() {
		errs = append(errs, tx.EnsureRule(r))
	}
	return errors.Join(append(errs,
		tx.Claim(sources, owner, nft.Element{Key: nft.Addr(netip.MustParseAddr("10.1.0.2"))}),
		tx.Put(nets, nft.Range(netip.MustParsePrefix("ff00::/8"))),
		tx.Put(nets, nft.Range(netip.MustParsePrefix("fd00:1::/64"))),
		tx.Claim(ports, owner, nft.Element{Key: nft.Key(nft.Proto(6), nft.Port(80)),
			Data: nft.Key(nft.Addr(netip.MustParseAddr("10.1.0.2")), nft.Port(8080))}),
		tx.Claim(ports6, owner, nft.Element{Key: nft.Key(nft.Proto(6), nft.Port(80)),
			Data: nft.Key(nft.Addr(netip.MustParseAddr("fd00::2")), nft.Port(8080))}),
		tx.Put(ways, nft.Element{Key: nft.Name("cni0"),
			Verdict: nft.VerdictOf{Code: nft.JumpVerdict, Chain: "side"}}),
		tx.Put(claims, nft.Element{Key: nft.Key(nft.Addr(netip.MustParseAddr("0.0.0.0")), nft.Port(80)),
			Last:    nft.Key(nft.Addr(netip.MustParseAddr("255.255.255.255")), nft.Port(90)),
			Comment: owner.Comment()}),
	)...)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".nft")
	if *rewrite {
		if err := errors.Join(os.MkdirAll("testdata", 0o755),
			os.WriteFile(path, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestEverythingAtOnceAndAgain(t *testing.T) {
	netnstest.Host(t)
	state := t.TempDir()
	update(t, state, everything)
	golden(t, "everything", list(t, "ruleset"))
	update(t, state, everything)
	golden(t, "everything", list(t, "ruleset"))
	update(t, state, func(tx *nft.Tx) error {
		for _, r := range rules() {
			if found, err := tx.HasRule(r); err != nil || !found {
				t.Errorf("the rule %q of chain %s is not recognised: %v", r.Comment, r.Chain.Name, err)
			}
		}
		return nil
	})
}

func TestReadingGivesWhatWasWritten(t *testing.T) {
	netnstest.Host(t)
	state := t.TempDir()
	update(t, state, everything)
	err := nft.View(context.Background(), func(r *nft.Reader) error {
		for _, test := range []struct {
			set  nft.Set
			want []nft.Element
		}{
			{nets, []nft.Element{nft.Range(netip.MustParsePrefix("fd00:1::/64")),
				nft.Range(netip.MustParsePrefix("ff00::/8"))}},
			{ways, []nft.Element{{Key: nft.Name("cni0"),
				Verdict: nft.VerdictOf{Code: nft.JumpVerdict, Chain: "side"}}}},
			{ports, []nft.Element{{Key: nft.Key(nft.Proto(6), nft.Port(80)), Comment: owner.Comment(),
				Data: nft.Key(nft.Addr(netip.MustParseAddr("10.1.0.2")), nft.Port(8080))}}},
			{claims, []nft.Element{{Key: nft.Key(nft.Addr(netip.MustParseAddr("0.0.0.0")),
				nft.Port(80)),
				Last: nft.Key(nft.Addr(netip.MustParseAddr("255.255.255.255")),
					nft.Port(90)), Comment: owner.Comment()}}},
			{nft.Set{Table: inet, Name: "absent", Key: []nft.Type{nft.IPv4Addr}}, nil},
		} {
			got, err := r.Elements(test.set)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.set.Name, diff)
			}
			for _, e := range test.want {
				one, err := r.Find(test.set, e.Key)
				if err != nil {
					return err
				}
				if diff := cmp.Diff(&e, one); diff != "" {
					t.Errorf("one of %s (-want +got):\n%s", test.set.Name, diff)
				}
			}
		}
		chain, err := r.Chain(inet, "forward")
		if diff := cmp.Diff(&nft.Chain{Table: inet, Name: "forward", Type: "filter", Hook: nft.Forward,
			Drop: true, Uses: 5}, chain); diff != "" {
			t.Errorf("chain (-want +got):\n%s", diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestElementsBelongToTheirOwners(t *testing.T) {
	netnstest.Host(t)
	state := t.TempDir()
	element := nft.Element{Key: nft.Addr(netip.MustParseAddr("10.1.0.2"))}
	update(t, state, func(tx *nft.Tx) error {
		tx.Ensure(sources)
		return tx.Claim(sources, owner, element)
	})
	before := list(t, "ruleset")
	err := nft.Update(context.Background(), state, func(tx *nft.Tx) error {
		tx.Ensure(side)
		return tx.Claim(sources, other, element)
	})
	if nft.IsTaken(err) == nil ||
		err.Error() != "set sources already has the key, for container c1, interface eth0, network web" {
		t.Errorf("claiming what is another's: %v", err)
	}
	for _, o := range []nft.Owner{other, {Network: "web", ContainerID: "c1", IfName: "eth1"},
		{Network: "net", ContainerID: "c1", IfName: "eth0"}} {
		update(t, state, func(tx *nft.Tx) error {
			n, err := tx.Release(sources, o, element.Key)
			all, err2 := tx.ReleaseAll(sources, o)
			if n != 0 || len(all) != 0 {
				t.Errorf("%v may remove what is another's", o)
			}
			return errors.Join(err, err2)
		})
	}
	if diff := cmp.Diff(before, list(t, "ruleset")); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	update(t, state, func(tx *nft.Tx) error {
		return tx.Put(sources, nft.Element{Key: element.Key, Comment: other.Comment()})
	})
	if got := list(t, "set", "inet", "libcni", "sources"); !strings.Contains(got, other.Comment()) {
		t.Errorf("a changed element keeps the old comment:\n%s", got)
	}
	update(t, state, func(tx *nft.Tx) error {
		n, err := tx.Release(sources, other, element.Key)
		if n != 1 {
			t.Errorf("%d released", n)
		}
		return err
	})
}

func TestChangeByOthersBetweenReadingAndWriting(t *testing.T) {
	for _, test := range []struct {
		name, disturb string
	}{
		{"something unrelated", "add table ip unrelated"},
		{"everything flushed", "flush ruleset"},
		{"the element removed", "delete element inet libcni sources { 10.1.0.2 }"},
	} {
		t.Run(test.name, func(t *testing.T) {
			netnstest.Host(t)
			state := t.TempDir()
			add := func(tx *nft.Tx) error {
				tx.Ensure(sources)
				return tx.Claim(sources, owner, nft.Element{Key: nft.Addr(netip.MustParseAddr("10.1.0.2"))})
			}
			update(t, state, add)
			runs := 0
			update(t, state, func(tx *nft.Tx) error {
				_, err := tx.ReleaseAll(sources, owner)
				if runs++; runs == 1 {
					if out, err := exec.Command("nft", test.disturb).CombinedOutput(); err != nil {
						t.Fatalf("%v: %s", err, out)
					}
				}
				return err
			})
			if runs != 2 {
				t.Errorf("the function ran %d times, want 2", runs)
			}
			if strings.Contains(list(t, "ruleset"), "10.1.0.2") {
				t.Error("the element is still there")
			}
		})
	}
}

func TestRulesThatNeverRest(t *testing.T) {
	netnstest.Host(t)
	i := 0
	err := nft.Update(context.Background(), t.TempDir(), func(tx *nft.Tx) error {
		tx.Ensure(side)
		if _, err := tx.HasSet(sources); err != nil {
			t.Fatal(err)
		}
		i++
		if out, err := exec.Command("nft", "add", "table", "ip",
			"t"+strconv.Itoa(i)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return nil
	})
	if !errors.Is(err, nft.ErrChanged) ||
		err.Error() != "nftables: another process keeps changing the rules" {
		t.Errorf("got %v", err)
	}
	if strings.Contains(list(t, "ruleset"), "libcni") {
		t.Error("half of it was applied")
	}
}

func TestBatchIsAllOrNothing(t *testing.T) {
	netnstest.Host(t)
	err := nft.Update(context.Background(), t.TempDir(), func(tx *nft.Tx) error {
		tx.Ensure(side, sources)
		tx.AddRule(nft.Rule{Chain: side, Exprs: nft.Accept()})
		tx.DeleteElements(sources, nft.Element{Key: nft.Addr(netip.MustParseAddr("10.1.0.9"))})
		return nil
	})
	if !errors.Is(err, nft.ErrNotFound) || !errors.Is(err, syscall.ENOENT) ||
		!strings.Contains(err.Error(), "delete element") {
		t.Errorf("got %v", err)
	}
	if got := list(t, "ruleset"); got != "" {
		t.Errorf("something was applied:\n%s", got)
	}
}

func TestLargeSets(t *testing.T) {
	netnstest.Host(t)
	state := t.TempDir()
	const many = 5000
	key := func(i int) []byte { return []byte{10, 9, byte(i >> 8), byte(i)} }
	update(t, state, func(tx *nft.Tx) error {
		tx.Ensure(sources)
		var elements []nft.Element
		for i := range many {
			elements = append(elements, nft.Element{Key: key(i), Comment: owner.Comment()})
		}
		tx.AddElements(sources, elements...)
		return nil
	})
	err := nft.View(context.Background(), func(r *nft.Reader) error {
		elements, err := r.Elements(sources)
		if len(elements) != many {
			t.Errorf("%d elements, want %d", len(elements), many)
		}
		n, err2 := r.CountAtLeast(sources)
		if n < 10 || n > many {
			t.Errorf("at least %d elements, of %d", n, many)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	update(t, state, func(tx *nft.Tx) error {
		swept, err := tx.DeleteWhere(sources, func(e nft.Element) bool { return e.Key[3] != 7 })
		if want := many - (many-7+255)/256; len(swept) != want {
			t.Errorf("%d swept, want %d", len(swept), want)
		}
		return err
	})
}

func TestManyRulesAtOnce(t *testing.T) {
	netnstest.Host(t)
	state := t.TempDir()
	update(t, state, func(tx *nft.Tx) error {
		tx.Ensure(side)
		for i := range 2000 {
			tx.AddRule(nft.Rule{Chain: side, Comment: strconv.Itoa(i), Exprs: nft.Accept()})
		}
		return nil
	})
	err := nft.View(context.Background(), func(r *nft.Reader) error {
		rules, err := r.Rules(side)
		if len(rules) != 2000 || rules[1999].Comment != "1999" {
			t.Errorf("%d rules", len(rules))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestProcessWithManyDescriptors(t *testing.T) {
	netnstest.Host(t)
	state := t.TempDir()
	for range 1100 {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	update(t, state, everything)
	if err := nft.Probe(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestEndedContext(t *testing.T) {
	netnstest.Host(t)
	ctx, cancel := context.WithCancel(context.Background())
	err := nft.Update(ctx, t.TempDir(), func(tx *nft.Tx) error {
		tx.Ensure(side)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := list(t, "ruleset"); got != "" {
		t.Errorf("applied after the end:\n%s", got)
	}
}

// TestProcesses has processes change one set at the same time. Each is this test binary again.
func TestProcesses(t *testing.T) {
	const processes, rounds = 3, 60
	if id := os.Getenv("NFT_TEST_PROCESS"); id != "" {
		work(t, os.Getenv("NFT_TEST_STATE"), id, rounds)
		return
	}
	netnstest.Host(t)
	state := t.TempDir()
	var commands []*exec.Cmd
	for i := range processes {
		cmd := exec.Command(os.Args[0], "-test.run=^TestProcesses$", "-test.count=1")
		cmd.Env = append(os.Environ(), "NFT_TEST_PROCESS="+strconv.Itoa(i), "NFT_TEST_STATE="+state)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, cmd)
	}
	for _, cmd := range commands {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	err := nft.View(context.Background(), func(r *nft.Reader) error {
		elements, err := r.Elements(sources)
		counts := map[string]int{}
		for _, e := range elements {
			o, _ := nft.ParseOwner(e.Comment)
			counts[o.ContainerID]++
		}
		if diff := cmp.Diff(map[string]int{"0": rounds / 2, "1": rounds / 2, "2": rounds / 2},
			counts); diff != "" {
			t.Errorf("elements by owner (-want +got):\n%s", diff)
		}
		rules, err2 := r.Rules(post)
		if len(rules) != 1 {
			t.Errorf("%d rules, want the one that all make", len(rules))
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// work adds elements of its own and removes every other, and fights for one that all want.
func work(t *testing.T, state, id string, rounds int) {
	me := nft.Owner{Network: "web", ContainerID: id, IfName: "eth0"}
	contested := nft.Addr(netip.MustParseAddr("10.255.0.1"))
	for i := range rounds {
		key := []byte{10, id[0], 0, byte(i)}
		update(t, state, func(tx *nft.Tx) error {
			tx.Ensure(post, sources)
			return errors.Join(tx.EnsureRule(rules()[0]), tx.Claim(sources, me, nft.Element{Key: key}))
		})
		err := nft.Update(context.Background(), state,
			func(tx *nft.Tx) error { return tx.Claim(sources, me, nft.Element{Key: contested}) })
		if err != nil && nft.IsTaken(err) == nil {
			t.Fatal(err)
		}
		update(t, state, func(tx *nft.Tx) error {
			n, e := tx.Release(sources, me, contested)
			if (n == 1) != (err == nil) {
				t.Errorf("claimed: %v, released: %d", err, n)
			}
			if i%2 == 1 {
				_, e2 := tx.Release(sources, me, key)
				e = errors.Join(e, e2)
			}
			return e
		})
	}
}

func BenchmarkAddAndRemove(b *testing.B) {
	netnstest.Host(b)
	state := b.TempDir()
	key := nft.Addr(netip.MustParseAddr("10.1.0.2"))
	if err := nft.Update(b.Context(), state,
		func(tx *nft.Tx) error { tx.Ensure(sources); return nil }); err != nil {
		b.Fatal(err)
	}
	ctx := new(nft.Sockets).With(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		err := nft.Update(ctx, state, func(tx *nft.Tx) error {
			return tx.Claim(sources, owner, nft.Element{Key: key})
		})
		if err == nil {
			err = nft.Update(ctx, state, func(tx *nft.Tx) error {
				_, err := tx.Release(sources, owner, key)
				return err
			})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
