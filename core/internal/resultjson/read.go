// Package resultjson reads and writes results of version 1.0.0 and later and their parts as
// encoding/json does for the types of the CNI project's Go module, without reflection: the tables
// that encoding/json builds take longer than the JSON work of a single call.
package resultjson

import (
	"encoding/json"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/jsonobject"
)

// Read reads a result without regard to its cniVersion. For a message about a result that it
// refuses, decode it with the decoders of the types.
func Read(text []byte) (*types100.Result, error) {
	r := new(types100.Result)
	return r, jsonobject.Decode(text, jsonobject.Fields{
		{"cniVersion", &r.CNIVersion},
		{"interfaces", jsonobject.List(&r.Interfaces, optional(interfaceFields))},
		{"ips", jsonobject.List(&r.IPs, optional(ipFields))},
		{"routes", jsonobject.List(&r.Routes, optional(routeFields))},
		{"dns", DNSFields(&r.DNS)},
	})
}

// optional reads an element of a list of pointers, which may be null.
func optional[T any](fields func(*T) any) func(**T) any {
	return func(into **T) any { return jsonobject.Optional(into, fields) }
}

// ReadRoute reads a route with all attributes.
func ReadRoute(text []byte) (*types.Route, error) {
	r := new(types.Route)
	if jsonobject.Decode(text, routeFields(r)) == nil {
		return r, nil
	}
	// The decoder of the type has the better message.
	r = new(types.Route)
	return r, json.Unmarshal(text, r)
}

// DNSFields returns the keys of d.
func DNSFields(d *types.DNS) jsonobject.Fields {
	return jsonobject.Fields{
		{"nameservers", &d.Nameservers}, {"domain", &d.Domain}, {"search", &d.Search},
		{"options", &d.Options},
	}
}

func interfaceFields(i *types100.Interface) any {
	return jsonobject.Fields{
		{"name", &i.Name}, {"mac", &i.Mac}, {"mtu", &i.Mtu}, {"sandbox", &i.Sandbox},
		{"socketPath", &i.SocketPath}, {"pciID", &i.PciID},
	}
}

// ipFields resets the value, as the type's own decoder does, so that nothing of an earlier list
// stays.
func ipFields(ip *types100.IPConfig) any {
	*ip = types100.IPConfig{}
	return jsonobject.Fields{
		{"interface", &ip.Interface}, {"address", network(&ip.Address)},
		{"gateway", address(&ip.Gateway)},
	}
}

// routeFields resets the value like ipFields.
func routeFields(r *types.Route) any {
	*r = types.Route{}
	return jsonobject.Fields{
		{"dst", network(&r.Dst)}, {"gw", address(&r.GW)}, {"mtu", &r.MTU}, {"advmss", &r.AdvMSS},
		{"priority", &r.Priority}, {"table", &r.Table}, {"scope", &r.Scope},
	}
}

func network(into *net.IPNet) func(string) error {
	return func(text string) error {
		parsed, err := types.ParseCIDR(text)
		if err == nil {
			*into = *parsed
		}
		return err
	}
}

func address(into *net.IP) func(string) error {
	return func(text string) error { return into.UnmarshalText([]byte(text)) }
}
