package nft

import (
	"bytes"
	"net/netip"

	"github.com/google/nftables/expr"
)

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
