package nft

import (
	"bytes"
	"net/netip"

	"github.com/google/nftables/expr"
)

// Target returns the chain that the rule jumps or goes to, or "".
func (r Rule) Target() string {
	for _, e := range r.Exprs {
		if v, ok := e.(*expr.Verdict); ok && (v.Kind == expr.VerdictJump || v.Kind == expr.VerdictGoto) {
			return v.Chain
		}
	}
	return ""
}

// InLinkIs returns the name of the only link whose packets the rule applies to, or "".
func (r Rule) InLinkIs() string {
	for i, e := range r.Exprs[:max(0, len(r.Exprs)-1)] {
		m, loads := e.(*expr.Meta)
		c, compares := r.Exprs[i+1].(*expr.Cmp)
		if loads && compares && m.Key == expr.MetaKeyIIFNAME && c.Op == expr.CmpOpEq {
			return string(bytes.TrimRight(c.Data, "\x00"))
		}
	}
	return ""
}

// About reports whether the rule compares something with the address, or translates to it.
func (r Rule) About(addr netip.Addr) bool {
	for _, e := range r.Exprs {
		var data []byte
		switch step := e.(type) {
		case *expr.Immediate:
			data = step.Data
		case *expr.Cmp:
			data = step.Data
		}
		if bytes.Equal(data, addr.AsSlice()) {
			return true
		}
	}
	return false
}
