package reference

import (
	"net/netip"
	"slices"
)

// Others are the container's other interfaces. Some objects of the reference executables belong to
// a container and not to an interface; a DEL that does not know the attachment's addresses keeps
// those that another interface uses.
type Others struct {
	Recorded  bool         // the state has another interface of the container on the network
	Addresses []netip.Addr // what the other interfaces have in the namespace, if none is recorded
}

// Use reports whether another interface may use an object with that address.
func (o Others) Use(address netip.Addr) bool {
	return o.Recorded || slices.Contains(o.Addresses, address)
}
