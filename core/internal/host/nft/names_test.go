package nft_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
)

// oddLinks are names that the kernel accepts for links.
func oddLinks() []string {
	return []string{"br+1", "br,0", "br#1", "br@1", "$br", "@br", `br\q`, `br\`, "b*r", "*br", "brü",
		"br中", "\xff\xfe", "br'q", "br;x", "br{x", "br}x", "br=1", "br%1", "0", "-", "1br", "br.100",
		"drop", "accept", "map", "br~", "!br", "br|x", "<br>", "br\x01x", "br(", "0x62", "br_1", "br-1",
		strings.Repeat("a", 15), strings.Repeat("+", 15), `br"q`, `"`, "br*", "*", `br\*`}
}

// TestOddNamesCanBeReadBack puts each name that CheckLinkName accepts into sets, maps, rules
// and comments, has nft load its own listing, and compares what the kernel has.
func TestOddNamesCanBeReadBack(t *testing.T) {
	var accepted []string
	for _, name := range oddLinks() {
		if nft.CheckLinkName(name) == nil {
			accepted = append(accepted, name)
		}
	}
	netnstest.Host(t)
	update(t, t.TempDir(), func(tx *nft.Tx) error { return useNames(tx, accepted) })
	made := raw(t)

	file := filepath.Join(t.TempDir(), "saved.nft")
	if err := os.WriteFile(file, []byte(list(t, "ruleset")), 0o600); err != nil {
		t.Fatal(err)
	}
	load(t, "flush", "ruleset")
	load(t, "-f", file)
	if diff := cmp.Diff(made, raw(t)); diff != "" {
		t.Errorf("after a reload (-made +restored):\n%s", diff)
	}
	err := nft.View(t.Context(), func(r *nft.Reader) error {
		for _, name := range accepted {
			e, err := r.Find(byLink(), nft.Name(name))
			if err != nil || e == nil || e.Comment != nft.Text(name) {
				t.Errorf("%q after a reload: %v, %v", name, e, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func byLink() nft.Set {
	return nft.Set{Table: inet, Name: "by-link", Key: []nft.Type{nft.IfName}}
}

func useNames(tx *nft.Tx, names []string) error {
	pairs := nft.Set{Table: inet, Name: "pairs", Key: []nft.Type{nft.IfName, nft.EtherAddr}}
	tx.Ensure(side, byLink(), pairs, ways)
	for _, name := range names {
		key := nft.Name(name)
		tx.AddElements(byLink(), nft.Element{Key: key, Comment: nft.Text(name)})
		tx.AddElements(pairs, nft.Element{Key: nft.Key(key, nft.MAC(net.HardwareAddr{2, 0, 0, 0, 0, 1}))})
		tx.AddElements(ways, nft.Element{Key: key,
			Verdict: nft.VerdictOf{Code: nft.JumpVerdict, Chain: "side"}})
		tx.AddRule(nft.Rule{Chain: side, Comment: nft.Text(name),
			Exprs: nft.Do(nft.Is(nft.InLink(), key), nft.IsNot(nft.OutLink(), key), nft.Drop())})
	}
	return nil
}

// TestRefusedNamesCannotBeReadBack shows that CheckLinkName refuses no more than it must.
func TestRefusedNamesCannotBeReadBack(t *testing.T) {
	for _, name := range oddLinks() {
		if nft.CheckLinkName(name) == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			netnstest.Host(t)
			update(t, t.TempDir(), func(tx *nft.Tx) error {
				tx.Ensure(byLink())
				tx.AddElements(byLink(), nft.Element{Key: nft.Name(name)})
				return nil
			})
			made := elementsOf(t, byLink())
			file := filepath.Join(t.TempDir(), "saved.nft")
			text := "flush ruleset\n" + list(t, "ruleset")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := exec.Command("nft", "-f", file).Run()
			if err == nil && slices.Equal(made, elementsOf(t, byLink())) {
				t.Errorf("nft reads %q back", name)
			}
		})
	}
}

// elementsOf returns the keys of a set.
func elementsOf(t *testing.T, s nft.Set) (keys []string) {
	t.Helper()
	err := nft.View(t.Context(), func(r *nft.Reader) error {
		elements, err := r.Elements(s)
		keys = nil
		for _, e := range elements {
			keys = append(keys, string(e.Key))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestCommentsTellPeopleWhatObjectsAre also loads tables that have none, as earlier versions made
// them.
func TestCommentsTellPeopleWhatObjectsAre(t *testing.T) {
	netnstest.Host(t)
	chain := nft.Chain{Table: inet, Name: "post", Type: "nat", Hook: nft.Postrouting,
		Priority: nft.PrioritySrcNAT, Comment: nft.Text(strings.Repeat(`é"\`, 100))}
	change := func(tx *nft.Tx) error { tx.Ensure(chain, sources); return nil }
	state := t.TempDir()
	update(t, state, change)
	for _, want := range []string{
		"table inet libcni {\n\tcomment \"rules of libcni for containers",
		"chain post {\n\t\tcomment \"" + strings.Repeat("?", 128) + "\"\n",
		"\t\tcomment \"who\"\n",
	} {
		if got := list(t, "table", "inet", "libcni"); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}

	load(t, "flush", "ruleset")
	load(t, "add table inet libcni; add chain inet libcni post "+
		"{ type nat hook postrouting priority srcnat; }; add set inet libcni sources { type ipv4_addr; }")
	update(t, state, change)
	if got := list(t, "table", "inet", "libcni"); strings.Contains(got, "comment") {
		t.Errorf("got\n%s", got)
	}
}

// TestKeywordsAreKnown tries the words in nft's own library as names of chains. nft must refuse
// none that IsKeyword does not know.
func TestKeywordsAreKnown(t *testing.T) {
	netnstest.Host(t)
	refused := refusedNames(t, wordsOfNft(t))
	for _, word := range refused {
		if !nft.IsKeyword(word) {
			t.Errorf("nft refuses a chain named %s", word)
		}
	}
	if len(refused) < 100 {
		t.Errorf("nft refuses only %q", refused)
	}
	for _, name := range []string{"CNI-ADMIN", "DOCKER-USER", "masquerading", "forward", ""} {
		if nft.IsKeyword(name) {
			t.Errorf("%q counts as a keyword", name)
		}
	}
}

// wordsOfNft returns what may be a keyword in the library of nft's parser.
func wordsOfNft(t *testing.T) []string {
	t.Helper()
	program, err := exec.LookPath("nft")
	if err != nil {
		t.Fatal(err)
	}
	linked, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	library := regexp.MustCompile(`/\S*/libnftables\S*`).Find(linked)
	content, err := os.ReadFile(string(library))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`[a-z][a-z0-9-]{1,14}`).FindAllString(string(content), -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// refusedNames returns the names that nft refuses for chains. It tries halves of what it refuses.
func refusedNames(t *testing.T, names []string) []string {
	t.Helper()
	if len(names) > 100 {
		return append(refusedNames(t, names[:100]), refusedNames(t, names[100:])...)
	}
	var chains, jumps strings.Builder
	for _, name := range names {
		fmt.Fprintf(&chains, "chain %s {\n}\n", name)
		fmt.Fprintf(&jumps, "jump %s\n", name)
	}
	check := exec.Command("nft", "-c", "-f", "-")
	check.Stdin = strings.NewReader(
		"table inet words {\n" + chains.String() + "chain all-of-them {\n" + jumps.String() + "}\n}\n")
	switch {
	case check.Run() == nil:
		return nil
	case len(names) == 1:
		return names
	}
	half := len(names) / 2
	return append(refusedNames(t, names[:half]), refusedNames(t, names[half:])...)
}
