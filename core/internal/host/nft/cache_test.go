package nft_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
)

// seen is all that can be remembered of some tables, and one element.
func seen(t *testing.T, ctx context.Context) string {
	t.Helper()
	var text string
	err := nft.View(ctx, func(r *nft.Reader) error {
		var b strings.Builder
		var errs []error
		tell := func(what any, err error) {
			fmt.Fprintf(&b, "%v\n", what)
			errs = append(errs, err)
		}
		for _, table := range []nft.Table{inet, {Family: nft.IPv4, Name: "filter"}} {
			tell(r.HasTable(table))
			tell(r.SetNames(table))
			tell(r.Chains(table))
			for _, name := range []string{"side", "FORWARD", "post"} {
				chain, err := r.Chain(table, name)
				if errs = append(errs, err); chain != nil {
					fmt.Fprintf(&b, "%v ", *chain)
				}
				rules, err := r.Rules(nft.Chain{Table: table, Name: name})
				errs = append(errs, err)
				for _, rule := range rules {
					fmt.Fprintf(&b, "%d %s %d\n", rule.Handle, rule.Comment, len(rule.Exprs))
				}
				tell(r.IptablesRules(nft.Chain{Table: table, Name: name}))
			}
		}
		tell(r.HasSet(sources))
		tell(r.HasSet(nets))
		tell(r.Elements(nets))
		one, err := r.Find(sources, nft.Addr(netip.MustParseAddr("10.1.0.2")))
		tell(one != nil, err)
		tell(r.CountAtLeast(sources))
		text = b.String()
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// same fails the test if what is remembered is not what is there.
func same(t *testing.T, ctx context.Context, after string) {
	t.Helper()
	if diff := cmp.Diff(seen(t, context.Background()), seen(t, ctx)); diff != "" {
		t.Errorf("after %s (-there +remembered):\n%s", after, diff)
	}
}

func run(t *testing.T, command string) {
	t.Helper()
	if out, err := exec.Command("nft", command).CombinedOutput(); err != nil {
		t.Fatalf("nft %s: %v: %s", command, err, out)
	}
}

func TestRememberedIsWhatIsThere(t *testing.T) {
	netnstest.Host(t)
	state := t.TempDir()
	ours, others := (&nft.Sockets{}).With(context.Background()), (&nft.Sockets{}).With(
		context.Background())
	element := nft.Element{Key: nft.Addr(netip.MustParseAddr("10.1.0.2"))}
	one := nft.Rule{Chain: side, Comment: "one", Exprs: nft.Accept()}
	two := nft.Rule{Chain: side, Comment: "two", Exprs: nft.Drop()}
	forward := nft.Chain{Table: nft.Table{Family: nft.IPv4, Name: "filter"}, Name: "FORWARD"}
	change := func(change func(*nft.Tx) error) func(context.Context) error {
		return func(ctx context.Context) error { return nft.Update(ctx, state, change) }
	}
	command := func(text string) func(context.Context) error {
		return func(context.Context) error { run(t, text); return nil }
	}
	for _, step := range []struct {
		name   string
		change func(context.Context) error
	}{
		{"nothing", func(context.Context) error { return nil }},
		{"a table", change(func(tx *nft.Tx) error { tx.Ensure(inet); return nil })},
		{"a chain and sets", change(func(tx *nft.Tx) error {
			tx.Ensure(side, sources, nets)
			return nil
		})},
		{"the same again", change(func(tx *nft.Tx) error { tx.Ensure(side, sources, nets); return nil })},
		{"a rule", change(func(tx *nft.Tx) error { return tx.EnsureRule(one) })},
		{"two rules", change(func(tx *nft.Tx) error { return tx.EnsureRule(two) })},
		{"no change", change(func(tx *nft.Tx) error { return tx.EnsureRule(two) })},
		{"an element", change(func(tx *nft.Tx) error { return tx.Put(sources, element) })},
		{"the element again", change(func(tx *nft.Tx) error {
			tx.AddElements(sources, element)
			return nil
		})},
		{"a range", change(func(tx *nft.Tx) error {
			return tx.Put(nets, nft.Range(netip.MustParsePrefix("fd00:1::/64")))
		})},
		{"another range", command("add element inet libcni nets { fd00:2::/64 }")},
		{
			"a range that passes",
			command(
				"add table inet libcni; add set inet libcni passing { type ipv4_addr; flags interval, " +
					"timeout; }; add element inet libcni passing { 10.0.0.0/8 timeout 1m }"),
		},
		{
			"a chain of iptables",
			command(
				"add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; " +
					"policy drop; }"),
		},
		{"a rule of iptables", command("add rule ip filter FORWARD counter accept")},
		{"a rule in a chain of iptables", change(func(tx *nft.Tx) error {
			rules, err := tx.IptablesRules(forward)
			tx.AddIptablesRule(forward, nft.IptablesRule{Src: netip.MustParsePrefix("10.1.0.0/16"),
				Verdict: nft.VerdictOf{Code: nft.AcceptVerdict}}, rules[0].Handle)
			return err
		})},
		{"none in it", change(func(tx *nft.Tx) error {
			rules, err := tx.IptablesRules(forward)
			tx.DeleteIptablesRules(forward, rules...)
			return err
		})},
		{"another policy", command("chain ip filter FORWARD { policy accept; }")},
		{"a rule by hand", command("insert rule inet libcni side drop comment \"hand\"")},
		{"a refused batch", func(ctx context.Context) error {
			err := nft.Update(ctx, state, func(tx *nft.Tx) error {
				tx.AddRule(one)
				tx.DeleteElements(sources, nft.Element{Key: nft.Addr(netip.MustParseAddr("10.1.0.9"))})
				return nil
			})
			if err == nil {
				return errors.New("no error")
			}
			return nil
		}},
		{"a refused function", func(ctx context.Context) error {
			_ = nft.Update(ctx, state, func(tx *nft.Tx) error { tx.AddRule(one); return errors.New("no") })
			return nil
		}},
		{"a change between", change(func() func(tx *nft.Tx) error {
			disturbed := false
			return func(tx *nft.Tx) error {
				_, err := tx.Rules(side)
				if !disturbed {
					disturbed = true
					run(t, "add rule inet libcni side accept comment \"between\"")
				}
				tx.AddRule(one)
				return err
			}
		}())},
		{"one element less", change(func(tx *nft.Tx) error {
			tx.DeleteElements(sources, element)
			return nil
		})},
		{"one set less", change(func(tx *nft.Tx) error { tx.DeleteSet(sources); return nil })},
		{"one chain less", change(func(tx *nft.Tx) error { tx.DeleteChain(side); return nil })},
		{"no table of iptables", command("delete table ip filter")},
		{"no table", command("delete table inet libcni")},
	} {
		for i, by := range []context.Context{ours, others, context.Background()} {
			if i > 0 && strings.HasPrefix(step.name, "one ") || i > 0 &&
				strings.HasPrefix(step.name, "no ") {
				break
			}
			if err := step.change(by); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			for range 2 {
				same(t, ours, step.name)
				same(t, others, step.name+", seen by others")
			}
		}
	}
}

// TestTableThatGoesWithItsProcess has one vanish without being counted as a change.
func TestTableThatGoesWithItsProcess(t *testing.T) {
	netnstest.Host(t)
	ctx := (&nft.Sockets{}).With(context.Background())
	process, err := nftables.New(nftables.AsLasting())
	if err != nil {
		t.Fatal(err)
	}
	table := process.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "filter",
		Flags: nftables.TableFlagOwner})
	chain := process.AddChain(&nftables.Chain{Table: table, Name: "FORWARD"})
	process.AddRule(&nftables.Rule{Table: table, Chain: chain})
	if err := process.Flush(); err != nil {
		t.Fatal(err)
	}
	same(t, ctx, "a table that has an owner")
	before := seen(t, ctx)
	_ = process.CloseLasting()
	if same(t, ctx, "its end"); seen(t, ctx) == before {
		t.Error("the table is still seen")
	}
}

// TestNamespacesAreNotConfused makes namespaces of the same generation, which may have the same
// inode one after another.
func TestNamespacesAreNotConfused(t *testing.T) {
	var shared nft.Sockets
	for i := range 8 {
		t.Run("", func(t *testing.T) {
			netnstest.Host(t)
			ctx := shared.With(context.Background())
			if i%2 == 0 {
				run(t, "add table inet libcni; add chain inet libcni side")
			} else {
				run(t, "add table ip other; add chain ip other side")
			}
			same(t, ctx, "another namespace")
		})
	}
}

// TestMemoryIsShared has many calls change rules at once, and another process between them.
func TestMemoryIsShared(t *testing.T) {
	ctx, state := (&nft.Sockets{}).With(context.Background()), t.TempDir()
	update(t, state, func(tx *nft.Tx) error { tx.Ensure(side, sources, nets); return nil })
	t.Cleanup(func() { run(t, "delete table inet libcni") })
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			own := nft.Rule{Chain: side, Comment: fmt.Sprint(i), Exprs: nft.Accept()}
			for n := range 20 {
				err := nft.Update(ctx, state, func(tx *nft.Tx) error {
					rules, err := tx.Rules(side)
					if err != nil {
						return err
					}
					found := 0
					for _, r := range rules {
						if r.Comment == own.Comment {
							found++
							tx.DeleteRules(r)
						}
					}
					if found != n%2 {
						t.Errorf("in round %d there are %d rules of %d", n, found, i)
					}
					if found == 0 {
						tx.AddRule(own)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				if i == 0 {
					if out, err := exec.Command("nft", "add", "element", "inet", "libcni", "nets",
						fmt.Sprintf("{ fd00:%x::/64 }", n)).CombinedOutput(); err != nil {
						t.Errorf("%v: %s", err, out)
					}
				}
				if err := nft.View(ctx, func(r *nft.Reader) error {
					elements, err := r.Elements(nets)
					if err == nil && i == 0 && len(elements) != n+1 {
						t.Errorf("%d ranges, want %d", len(elements), n+1)
					}
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	same(t, ctx, "all of it")
}

// TestElementsThatPass waits for an element to expire, which does not count as a change.
func TestElementsThatPass(t *testing.T) {
	netnstest.Host(t)
	ctx := (&nft.Sockets{}).With(context.Background())
	run(t,
		"add table inet libcni; add set inet libcni nets { type ipv6_addr; flags interval, timeout; }; "+
			"add element inet libcni nets { fd00::/64 timeout 100ms }")
	for there := 1; there > 0; {
		seen(t, ctx)
		if err := nft.View(context.Background(), func(r *nft.Reader) error {
			elements, err := r.Elements(nets)
			there = len(elements)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, ctx, "the element's time")
}

func TestViewOfRulesThatChange(t *testing.T) {
	for _, test := range []struct {
		name string
		read func(*nft.Reader) error
	}{
		{"elements", func(r *nft.Reader) error {
			_, err := r.Find(sources, nft.Addr(netip.MustParseAddr("10.1.0.3")))
			return err
		}},
		{"a listing", func(r *nft.Reader) error { _, err := r.Elements(sources); return err }},
		{"rules", func(r *nft.Reader) error { _, err := r.Rules(post); return err }},
		{"a chain", func(r *nft.Reader) error { _, err := r.Chain(inet, "post"); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			netnstest.Host(t)
			update(t, t.TempDir(), func(tx *nft.Tx) error { tx.Ensure(side, sources, post); return nil })
			runs := 0
			if err := nft.View((&nft.Sockets{}).With(context.Background()), func(r *nft.Reader) error {
				if runs++; runs == 1 {
					if _, err := r.Find(sources, nft.Addr(netip.MustParseAddr("10.1.0.2"))); err != nil {
						return err
					}
					run(t, "add element inet libcni sources { 10.1.0.2, 10.1.0.3 }")
				}
				return test.read(r)
			}); err != nil {
				t.Fatal(err)
			}
			if runs != 2 {
				t.Errorf("it looked %d times, want 2", runs)
			}
		})
	}
}
