package main

import (
	"net/netip"
	"strconv"
	"strings"
)

// portMapping is an entry of the portMappings capability.
type portMapping struct {
	HostPort      uint16 `json:"hostPort"`
	ContainerPort uint16 `json:"containerPort"`
	Protocol      string `json:"protocol"`
	HostIP        string `json:"hostIP,omitempty"`
}

func parsePublished(texts []string) ([]portMapping, error) {
	var mappings []portMapping
	for _, text := range texts {
		m, err := parsePublish(text)
		if err != nil {
			return nil, err
		}
		mappings = append(mappings, m)
	}
	return mappings, nil
}

// parsePublish reads [HOSTIP:]HOSTPORT:PORT[/PROTOCOL]; an IPv6 address is written in brackets.
func parsePublish(text string) (m portMapping, err error) {
	ports, protocol, _ := strings.Cut(text, "/")
	m.Protocol = first(protocol, "tcp")
	rest, container := cutLast(ports)
	address, host := cutLast(rest)
	if m.HostPort, err = parsePort(host); err == nil {
		m.ContainerPort, err = parsePort(container)
	}
	if err != nil {
		return m, usage(
			"--publish %s: give [HOSTIP:]HOSTPORT:PORT[/PROTOCOL] with ports from 1 to 65535", text)
	}

	if address != "" {
		ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"))
		if err != nil {
			return m, usage("--publish %s: %q is not an IP address", text, address)
		}

		m.HostIP = ip.String()
	}

	return m, nil
}

// cutLast splits at the last colon; without one, everything is after it.
func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, ':')
	return s[:max(i, 0)], s[i+1:]
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return uint16(n), err
}
