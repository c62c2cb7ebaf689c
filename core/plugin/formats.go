package plugin

import (
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
	types020 "github.com/containernetworking/cni/pkg/types/020"
	types040 "github.com/containernetworking/cni/pkg/types/040"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/jsonobject"
)

// check refuses a result that the converters, or the plugin that reads it next, would stumble over.
func check(result types.Result) error {
	switch r := result.(type) {
	case *types020.Result:
		return checkOld(r)
	case *types040.Result:
		for i, ip := range r.IPs {
			if ip == nil {
				return missing("ips", i, "")
			}
			if err := checkIP(i, types100.IPConfig{Address: ip.Address, Interface: ip.Interface},
				len(r.Interfaces)); err != nil {
				return err
			}
		}
		return checkLists(r.Interfaces, r.Routes)
	case *types100.Result:
		for i, ip := range r.IPs {
			if ip == nil {
				return missing("ips", i, "")
			}
			if err := checkIP(i, *ip, len(r.Interfaces)); err != nil {
				return err
			}
		}
		return checkLists(r.Interfaces, r.Routes)
	}
	return fmt.Errorf("unknown form %T", result)
}

func checkIP(i int, ip types100.IPConfig, interfaces int) error {
	if ip.Address.IP == nil {
		return missing("ips", i, ".address")
	}
	if index := ip.Interface; index != nil && interfaces > 0 && (*index < -1 || *index >= interfaces) {
		return jsonobject.Errorf(fmt.Sprintf("ips[%d].interface", i),
			"there is no interface %d; the result has %d", *index, interfaces)
	}
	return nil
}

func checkLists[Interface any](interfaces []*Interface, routes []*types.Route) error {
	for i, link := range interfaces {
		if link == nil {
			return missing("interfaces", i, "")
		}
	}
	for i, route := range routes {
		if route == nil {
			return missing("routes", i, "")
		}
		if route.Dst.IP == nil {
			return missing("routes", i, ".dst")
		}
	}
	return nil
}

func checkOld(r *types020.Result) error {
	return errors.Join(checkOldIP("ip4", r.IP4), checkOldIP("ip6", r.IP6))
}

func checkOldIP(key string, ip *types020.IPConfig) error {
	if ip == nil {
		return nil
	}
	if ip.IP.IP == nil {
		return jsonobject.Errorf(key+".ip", "missing")
	}
	for i, route := range ip.Routes {
		if route.Dst.IP == nil {
			return missing(key+".routes", i, ".dst")
		}
	}
	return nil
}

func missing(list string, i int, key string) error {
	return jsonobject.Errorf(fmt.Sprintf("%s[%d]%s", list, i, key), "missing")
}

func isOld(version string) bool { return version == "0.1.0" || version == "0.2.0" }

// emptyOld is a result without addresses in version 0.1.0 or 0.2.0. These have no interfaces, so
// that nothing but DNS is left of a layer 2 attachment; this is not an error.
func emptyOld(value *types100.Result, version string) types.Result {
	return &types020.Result{CNIVersion: version, DNS: value.DNS}
}

// encoded is the result of an old version as it is written. The types' own encoders would take
// numbers through float64, or write empty DNS.
func encoded(result types.Result) any {
	switch r := result.(type) {
	case *types020.Result:
		return struct {
			CNIVersion string             `json:"cniVersion"`
			IP4        *types020.IPConfig `json:"ip4,omitempty"`
			IP6        *types020.IPConfig `json:"ip6,omitempty"`
			DNS        *types.DNS         `json:"dns,omitempty"`
		}{r.CNIVersion, r.IP4, r.IP6, dns(&r.DNS)}
	case *types040.Result:
		return struct {
			CNIVersion string                `json:"cniVersion"`
			Interfaces []*types040.Interface `json:"interfaces,omitempty"`
			IPs        []*types040.IPConfig  `json:"ips,omitempty"`
			Routes     []*types.Route        `json:"routes,omitempty"`
			DNS        *types.DNS            `json:"dns,omitempty"`
		}{r.CNIVersion, r.Interfaces, r.IPs, r.Routes, dns(&r.DNS)}
	}
	return result
}

func dns(d *types.DNS) *types.DNS {
	if d.IsEmpty() {
		return nil
	}
	return d
}
