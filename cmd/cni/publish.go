package main

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// portMapping is an entry of the portMappings capability.
type portMapping struct {
	HostPort      uint16 `json:"hostPort"`
	ContainerPort uint16 `json:"containerPort"`
	Protocol      string `json:"protocol"`
	HostIP        string `json:"hostIP,omitempty"`
	Range         int    `json:"range,omitempty"` // number of ports; 0 and 1 mean one
}

// publishForm is what --publish takes.
const publishForm = "[HOSTIP:]HOSTPORT[-LAST]:PORT[-LAST][/PROTOCOL]"

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

// parsePublish reads one mapping. An IPv6 address is written in brackets.
func parsePublish(text string) (m portMapping, err error) {
	ports, protocol, given := strings.Cut(text, "/")
	m.Protocol = first(protocol, "tcp")
	if known := []string{"tcp", "udp", "sctp"}; !slices.Contains(known, m.Protocol) ||
		given && protocol == "" {
		return m, usage("--publish %s: unknown protocol %q; use one of %s", text, protocol,
			strings.Join(known, ", "))
	}

	rest, container := cutLast(ports)
	address, host := cutLast(rest)
	hostCount, containerCount := 0, 0
	if m.HostPort, hostCount, err = parsePorts(host); err == nil {
		m.ContainerPort, containerCount, err = parsePorts(container)
	}
	if err != nil {
		return m, usage("--publish %s: give %s with ports from 1 to 65535", text, publishForm)
	}
	if hostCount != containerCount {
		return m, usage("--publish %s: %d ports of the host and %d of the container; the ranges must "+
			"have the same length", text, hostCount, containerCount)
	}
	if hostCount > 1 {
		m.Range = hostCount
	}

	m.HostIP, err = parseHostIP(text, address, strings.Contains(rest, ":"))
	return m, err
}

// parseHostIP reads the address before the ports. given tells an empty one from none.
func parseHostIP(text, address string, given bool) (string, error) {
	if !given {
		return "", nil
	}
	plain, opened := strings.CutPrefix(address, "[")
	plain, closed := strings.CutSuffix(plain, "]")
	ip, err := netip.ParseAddr(plain)
	switch {
	case err != nil || ip.Zone() != "" || opened != closed || ip.Is4() && opened:
		return "", usage("--publish %s: %q is not an IP address", text, address)
	case ip.Is6() && !opened:
		return "", usage("--publish %s: write the IPv6 address in brackets: [%s]", text, ip)
	}
	return ip.String(), nil
}

// cutLast splits at the last colon; without one, everything is after it.
func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, ':')
	return s[:max(i, 0)], s[i+1:]
}

// parsePorts reads a port, or the first and the last of a range.
func parsePorts(s string) (port uint16, count int, err error) {
	from, to, isRange := strings.Cut(s, "-")
	if port, err = parsePort(from); err != nil || !isRange {
		return port, 1, err
	}
	last, err := parsePort(to)
	if err == nil && last < port {
		err = strconv.ErrRange
	}
	return port, int(last) - int(port) + 1, err
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return uint16(n), err
}

// String is the mapping as tables show it, such as "127.0.0.1:8000-8010->9000-9010/tcp".
func (m portMapping) String() string {
	s := ""
	if strings.Contains(m.HostIP, ":") {
		s = "[" + m.HostIP + "]:"
	} else if m.HostIP != "" {
		s = m.HostIP + ":"
	}
	return s + m.ports(m.HostPort) + "->" + m.ports(m.ContainerPort) + "/" + first(m.Protocol, "tcp")
}

func (m portMapping) ports(from uint16) string {
	s := strconv.Itoa(int(from))
	if m.Range > 1 {
		s += "-" + strconv.Itoa(int(from)+m.Range-1)
	}
	return s
}
