// Package record reads what the ADD of an attachment made: its result, as far as it is known.
package record

import (
	"net"
	"net/netip"
	"slices"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// Record is the result of an attachment's ADD, which may be that of a whole chain.
type Record struct {
	*types100.Result
	inv *plugin.Invocation
}

// Known returns what is known of the attachment. Without a result, or with one that cannot be read,
// the record is empty.
func Known(inv *plugin.Invocation) Record {
	if inv.PrevResult != nil {
		if value, err := inv.PrevResult.Value(); err == nil {
			return Record{value, inv}
		}
	}
	return Record{&types100.Result{}, inv}
}

// Required returns the record for a CHECK, which needs the result.
func Required(inv *plugin.Invocation) (Record, error) {
	if inv.PrevResult == nil {
		return Record{}, fault.InvalidConfig("prevResult",
			"prevResult: CHECK needs the result of the ADD")
	}
	value, err := inv.PrevResult.Value()
	if err != nil {
		return Record{}, fault.InvalidConfig("prevResult", "prevResult: %v", err)
	}
	return Record{value, inv}, nil
}

// Container returns the container's interface with its index, or nil and -1 if the result lacks it.
func (r Record) Container() (*types100.Interface, int) {
	for i, link := range r.Interfaces {
		if link.Sandbox != "" && link.Name == r.inv.IfName {
			return link, i
		}
	}
	return nil, -1
}

// ContainerMAC returns the MAC address of the container's interface, nil if it is unknown.
func (r Record) ContainerMAC() net.HardwareAddr {
	link, _ := r.Container()
	if link == nil {
		return nil
	}
	mac, _ := net.ParseMAC(link.Mac)
	return mac
}

// Host returns an interface of the host by its name, nil if the result lacks it.
func (r Record) Host(name string) *types100.Interface {
	i := slices.IndexFunc(r.Interfaces, func(i *types100.Interface) bool {
		return i.Sandbox == "" && i.Name == name
	})
	if i < 0 {
		return nil
	}
	return r.Interfaces[i]
}

// HostName returns the name of the host's end of the pair. If the state has none, the attachment
// was made by an executable, whose result has the host's end immediately before the container's
// interface.
func (r Record) HostName() string {
	if r.inv.HostIfName != "" {
		return r.inv.HostIfName
	}
	if _, i := r.Container(); i > 0 && r.Interfaces[i-1].Sandbox == "" {
		return r.Interfaces[i-1].Name
	}
	return ""
}

// IPs returns the addresses of the container's interface.
func (r Record) IPs() []*types100.IPConfig {
	_, index := r.Container()
	var ips []*types100.IPConfig
	for _, ip := range r.Result.IPs {
		if ip.Interface == nil || *ip.Interface == index {
			ips = append(ips, ip)
		}
	}
	return ips
}

// Addresses returns the addresses of the container's interface with their prefix lengths.
func (r Record) Addresses() []netip.Prefix { return ipam.Prefixes(r.IPs()) }
