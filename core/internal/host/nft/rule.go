package nft

import (
	"bytes"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
)

// Expr is a step of a rule. Do makes rules from the functions that return steps.
type Expr = expr.Any

// Rule is a rule of a chain.
type Rule struct {
	Chain   Chain
	Exprs   []Expr
	Comment string // made with Text or Owner.Comment
	Handle  uint64 // of one that was read

	encodings *encodings // nil unless it was read or is Prepared
}

// Do joins the steps of a rule.
//
//go:noinline
func Do(parts ...[]Expr) []Expr {
	var all []Expr
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func (r Rule) encoded() *nftables.Rule {
	n := &nftables.Rule{Table: r.Chain.Table.encoded(), Chain: r.Chain.encoded(),
		Exprs: asNft(r.Exprs)}
	if r.Comment != "" {
		n.UserData = userdata.AppendString(nil, userdata.TypeComment, r.Comment)
	}
	return n
}

func (c Chain) named(other Chain) bool { return c.Table == other.Table && c.Name == other.Name }

// Prepared returns the rule in a form that is compared with many others at the cost of one.
func (r Rule) Prepared() Rule {
	if r.encodings == nil {
		r.encodings = encodingsOf(r.Chain.Table.Family, r.Exprs)
	}
	return r
}

// equal reports whether two rules do the same and have the same comment.
func (r Rule) equal(other Rule) bool {
	if r.Comment != other.Comment {
		return false
	}
	if other.encodings == nil {
		other.encodings = encodingsOf(r.Chain.Table.Family, other.Exprs)
	}
	return r.Prepared().encodings.equal(other.encodings)
}

// Same reports whether two rules do the same, whatever their comments.
func (r Rule) Same(other Rule) bool {
	r.Comment = other.Comment
	return r.equal(other)
}

// Uses reports whether the rule looks something up in the set.
func (r Rule) Uses(s Set) bool {
	return slices.ContainsFunc(r.Exprs, func(e Expr) bool {
		lookup, ok := e.(*expr.Lookup)
		return ok && s.Table == r.Chain.Table && lookup.SetName == s.Name
	})
}

// fingerprint returns the encoding of a step without what changes as packets pass, and without what
// the kernel adds when it reports a rule.
func fingerprint(f Family, e Expr) ([]byte, bool) {
	switch n := e.(type) {
	case *expr.Counter:
		e = &expr.Counter{}
	case *expr.NAT:
		reported := *n
		reported.RegAddrMax, reported.RegProtoMax, reported.Specified = 0, 0, false
		if n.RegAddrMax != n.RegAddrMin {
			reported.RegAddrMax = n.RegAddrMax
		}
		if n.RegProtoMax != n.RegProtoMin {
			reported.RegProtoMax = n.RegProtoMax
		}
		e = &reported
	}
	encoded, err := expr.Marshal(byte(f), e)
	return encoded, err == nil
}

// ruleComment returns the comment in the user data of a rule, which may hold anything.
func ruleComment(data []byte) string {
	for len(data) >= 2 {
		kind, size := data[0], int(data[1])
		if len(data) < 2+size {
			return ""
		}
		if kind == byte(userdata.TypeComment) {
			return string(bytes.TrimSuffix(data[2:2+size], []byte{0}))
		}
		data = data[2+size:]
	}
	return ""
}
