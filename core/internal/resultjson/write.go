package resultjson

import (
	"net"
	"strconv"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/jsonobject"
)

// Write returns r as JSON without empty members. Unlike the encoder of the types it omits an empty
// DNS, too.
func Write(r *types100.Result) []byte {
	dst := appendString([]byte{'{'}, "cniVersion", r.CNIVersion)
	dst = appendList(dst, "interfaces", r.Interfaces, appendInterface)
	dst = appendList(dst, "ips", r.IPs, appendIP)
	dst = appendList(dst, "routes", r.Routes, appendRoute)
	if !r.DNS.IsEmpty() {
		dst = appendDNS(jsonobject.AppendKey(dst, "dns"), &r.DNS)
	}
	return append(dst, '}')
}

func appendInterface(dst []byte, i *types100.Interface) []byte {
	dst = appendString(append(dst, '{'), "name", i.Name)
	dst = appendNonempty(dst, "mac", i.Mac)
	dst = appendNonzero(dst, "mtu", i.Mtu)
	dst = appendNonempty(dst, "sandbox", i.Sandbox)
	dst = appendNonempty(dst, "socketPath", i.SocketPath)
	dst = appendNonempty(dst, "pciID", i.PciID)
	return append(dst, '}')
}

func appendIP(dst []byte, ip *types100.IPConfig) []byte {
	dst = appendOptional(append(dst, '{'), "interface", ip.Interface)
	dst = appendString(dst, "address", ip.Address.String())
	dst = appendAddress(dst, "gateway", ip.Gateway)
	return append(dst, '}')
}

func appendRoute(dst []byte, r *types.Route) []byte {
	dst = appendString(append(dst, '{'), "dst", r.Dst.String())
	dst = appendAddress(dst, "gw", r.GW)
	dst = appendNonzero(dst, "mtu", r.MTU)
	dst = appendNonzero(dst, "advmss", r.AdvMSS)
	dst = appendNonzero(dst, "priority", r.Priority)
	dst = appendOptional(dst, "table", r.Table)
	dst = appendOptional(dst, "scope", r.Scope)
	return append(dst, '}')
}

func appendDNS(dst []byte, d *types.DNS) []byte {
	dst = appendStrings(append(dst, '{'), "nameservers", d.Nameservers)
	dst = appendNonempty(dst, "domain", d.Domain)
	dst = appendStrings(dst, "search", d.Search)
	dst = appendStrings(dst, "options", d.Options)
	return append(dst, '}')
}

// appendList omits an empty list.
func appendList[T any](dst []byte, key string, list []*T, add func([]byte, *T) []byte) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(jsonobject.AppendKey(dst, key), '[')
	for i, item := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if item == nil {
			dst = append(dst, "null"...)
			continue
		}
		dst = add(dst, item)
	}
	return append(dst, ']')
}

func appendStrings(dst []byte, key string, list []string) []byte {
	pointers := make([]*string, len(list))
	for i := range list {
		pointers[i] = &list[i]
	}
	return appendList(dst, key, pointers, func(dst []byte, s *string) []byte {
		return jsonobject.AppendEncoded(dst, *s, jsonobject.HTML)
	})
}

func appendString(dst []byte, key, value string) []byte {
	return jsonobject.AppendEncoded(jsonobject.AppendKey(dst, key), value, jsonobject.HTML)
}

func appendNonempty(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(dst, key, value)
}

func appendAddress(dst []byte, key string, value net.IP) []byte {
	if len(value) == 0 {
		return dst
	}
	return appendString(dst, key, value.String())
}

func appendNonzero(dst []byte, key string, value int) []byte {
	if value == 0 {
		return dst
	}
	return appendOptional(dst, key, &value)
}

func appendOptional(dst []byte, key string, value *int) []byte {
	if value == nil {
		return dst
	}
	return strconv.AppendInt(jsonobject.AppendKey(dst, key), int64(*value), 10)
}
