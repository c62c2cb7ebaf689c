package filter

import (
	"context"
	"slices"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// Shown are the rules and elements that a plugin has to show, if they are there.
type Shown struct {
	Rules    []ShownRule
	Elements []ShownElement
}

// ShownRule is a rule with who has it.
type ShownRule struct {
	nft.Rule
	Scope plugin.Scope
}

// ShownElement is the key of an element with who has it.
type ShownElement struct {
	Set   nft.Set
	Key   []byte
	Scope plugin.Scope
}

// Network adds rules that the network's containers share.
func (s *Shown) Network(rules ...nft.Rule) {
	for _, rule := range rules {
		s.Rules = append(s.Rules, ShownRule{rule, plugin.OfNetwork})
	}
}

// Show calls inv.Found with those rules and elements that nftables has. Elements of the scope
// OfAttachment are left out if another attachment has them.
func Show(ctx context.Context, inv *plugin.Invocation, shown Shown) error {
	if len(shown.Rules)+len(shown.Elements) == 0 {
		return nil
	}

	var found []plugin.Object
	err := nft.View(ctx, func(r *nft.Reader) error {
		found = nil
		for _, e := range shown.Elements {
			r.Prefetch(e.Set, e.Key)
		}
		rules, err := shown.rules(r)
		if err != nil {
			return err
		}
		elements, err := shown.elements(r, Owner(inv))
		found = slices.Concat(rules, elements)
		return err
	})
	if err != nil {
		return err
	}
	for _, object := range found {
		inv.Found(object)
	}
	return nil
}

// rules reads each chain once.
func (s Shown) rules(r *nft.Reader) (found []plugin.Object, err error) {
	read := map[nft.Chain][]nft.Rule{}
	for _, want := range s.Rules {
		have, known := read[want.Chain]
		if !known {
			if have, err = r.CountedRules(want.Chain); err != nil {
				return nil, err
			}
			read[want.Chain] = have
		}
		same := want.Rule.Prepared()
		i := slices.IndexFunc(have, func(h nft.Rule) bool {
			return h.Comment == same.Comment && h.Same(same)
		})
		if i >= 0 {
			found = append(found, ruleObject(have[i], want.Scope))
		}
	}
	return found, nil
}

func ruleObject(r nft.Rule, scope plugin.Scope) plugin.Object {
	object := plugin.Object{Kind: plugin.RuleObject, Name: place(r.Chain.Table, r.Chain.Name),
		Text: r.Text(), Comment: r.Comment, Scope: scope}
	if packets, bytes, counts := r.Counter(); counts {
		object.Matched = &plugin.Counter{Packets: packets, Bytes: bytes}
	}
	return object
}

func (s Shown) elements(r *nft.Reader, owner nft.Owner) (found []plugin.Object, err error) {
	for _, want := range s.Elements {
		e, err := r.Find(want.Set, want.Key)
		if err != nil {
			return nil, err
		}
		if e == nil || want.Scope == plugin.OfAttachment && !owner.Owns(e.Comment) {
			continue
		}
		found = append(found, plugin.Object{Kind: plugin.ElementObject,
			Name: place(want.Set.Table, want.Set.Name), Text: want.Set.Text(*e), Comment: e.Comment,
			Scope: want.Scope})
	}
	return found, nil
}

// place names a chain or set as nft does.
func place(t nft.Table, name string) string { return t.Family.String() + " " + t.Name + " " + name }

// Line is a rule of iptables in the words that it prints.
type Line struct {
	Chain string
	Words []string
	Scope plugin.Scope
}

// Programs is the family of the programs of iptables for a family of addresses.
func Programs(f nft.Family) iptables.Family {
	if f == nft.IPv6 {
		return iptables.IPv6
	}
	return iptables.IPv4
}

// ShowLine calls found with a rule if a table that was read with its counters has it. The table is
// named, and that of IPv6 after its program.
func ShowLine(f nft.Family, table *iptables.Table, name string, line Line,
	found func(plugin.Object)) {
	count, exists := table.Find(line.Chain, line.Words)
	if !exists {
		return
	}
	words, comment := withoutComment(line.Words)
	found(plugin.Object{Kind: plugin.RuleObject,
		Name: Programs(f).Program() + " " + name + " " + line.Chain,
		Text: iptables.Line(words...), Comment: comment, Scope: line.Scope,
		Matched: &plugin.Counter{Packets: count.Packets, Bytes: count.Bytes}})
}

// withoutComment separates the comment from the words of a rule.
func withoutComment(words []string) (rest []string, comment string) {
	at := slices.Index(words, "--comment")
	if at < 2 || at+1 >= len(words) || words[at-1] != "comment" {
		return words, ""
	}
	return slices.Concat(words[:at-2], words[at+2:]), words[at+1]
}
