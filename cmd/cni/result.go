package main

import (
	"bytes"
	"encoding/json"
)

// result is what the command shows of a CNI result, of any version of the specification.
type result struct {
	Interfaces []struct {
		Name    string `json:"name"`
		MAC     string `json:"mac"`
		Sandbox string `json:"sandbox"`
	} `json:"interfaces"`
	IPs    []address `json:"ips"`
	Routes []route   `json:"routes"`
	IP4    *oldIP    `json:"ip4"` // until 0.2.0
	IP6    *oldIP    `json:"ip6"`
	DNS    struct {
		Nameservers []string `json:"nameservers"`
	} `json:"dns"`
}

type address struct {
	Address string `json:"address"`
	Gateway string `json:"gateway"`
}

type route struct {
	Dst string `json:"dst"`
	GW  string `json:"gw"`
}

type oldIP struct {
	IP      string  `json:"ip"`
	Gateway string  `json:"gateway"`
	Routes  []route `json:"routes"`
}

// parseResult decodes a result. A malformed one is empty.
func parseResult(data []byte) result {
	var r result
	if json.Unmarshal(data, &r) != nil {
		return result{}
	}
	for _, old := range []*oldIP{r.IP4, r.IP6} {
		if old != nil {
			r.IPs = append(r.IPs, address{old.IP, old.Gateway})
			r.Routes = append(r.Routes, old.Routes...)
		}
	}
	return r
}

func (r result) addresses() []string {
	var list []string
	for _, ip := range r.IPs {
		list = append(list, ip.Address)
	}
	return list
}

func (r result) addressesWithGateways() []string {
	var list []string
	for _, ip := range r.IPs {
		text := ip.Address
		if ip.Gateway != "" {
			text += ", gateway " + ip.Gateway
		}
		list = append(list, text)
	}
	return list
}

func (r result) routes() []string {
	var list []string
	for _, route := range r.Routes {
		text := route.Dst
		if route.GW != "" {
			text += " via " + route.GW
		}
		list = append(list, text)
	}
	return list
}

// side is where an interface is.
type side bool

const (
	onHost      side = false
	inContainer side = true
)

func (r result) interfaces(wanted side) []string {
	var list []string
	for _, i := range r.Interfaces {
		if side(i.Sandbox != "") != wanted {
			continue
		}
		text := i.Name
		if i.MAC != "" {
			text += " (" + i.MAC + ")"
		}

		list = append(list, text)
	}
	return list
}

// compact returns JSON on one line, or "" for an empty value.
func compact(value json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, value) != nil || b.String() == "null" || b.String() == "{}" ||
		b.String() == "[]" {
		return ""
	}
	return b.String()
}
