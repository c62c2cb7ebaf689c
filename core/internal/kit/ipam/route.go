package ipam

import (
	"fmt"
	"math"

	"github.com/containernetworking/cni/pkg/types"
)

// CheckRoute refuses attributes of a route that the kernel cannot have: it would cut them off, or
// read another number. The error names the key.
func CheckRoute(r *types.Route) error {
	type attribute struct {
		key        string
		value, max int
	}
	all := []attribute{{"mtu", r.MTU, math.MaxUint32}, {"advmss", r.AdvMSS, math.MaxUint32},
		{"priority", r.Priority, math.MaxUint32}}
	if r.Table != nil {
		all = append(all, attribute{"table", *r.Table, math.MaxUint32})
	}
	if r.Scope != nil {
		all = append(all, attribute{"scope", *r.Scope, math.MaxUint8})
	}
	for _, a := range all {
		if a.value < 0 || a.value > a.max {
			return fmt.Errorf("%s: %d is not a number from 0 to %d", a.key, a.value, a.max)
		}
	}
	return nil
}
