package portmap

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// config is the plugin's configuration.
type config struct {
	configKeys

	mappings   []mapping
	conditions map[family][]condition // no entry: none
}

// mapping is a run of ports that is published, in the families that hostIP allows.
type mapping struct {
	proto         protocol
	hostIP        netip.Addr // invalid: all addresses
	only          family     // 0 for both
	hostPort      int
	containerPort int
	count         int
	key           string // path of the entry, for errors
}

// family is a family of addresses.
type family byte

const (
	v4 family = 4
	v6 family = 6
)

// protocol is an IPPROTO_* number.
type protocol byte

const (
	tcp  protocol = 6
	udp  protocol = 17
	sctp protocol = 132
)

func (p protocol) String() string {
	switch p {
	case tcp:
		return "tcp"
	case udp:
		return "udp"
	default:
		return "sctp"
	}
}

const maxPort = 65535

// read decodes a configuration without validating it.
func read(data []byte) (*config, error) {
	c := &config{}
	if err := ipamconfig.Decode(data, c.fields()); err != nil {
		return nil, err
	}
	return c, nil
}

// parse reads and validates a configuration.
func parse(data []byte) (*config, error) {
	c, err := read(data)
	if err != nil {
		return nil, err
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.mappings, err = parseMappings(c.RuntimeConfig.PortMappings); err != nil {
		return nil, err
	}
	c.conditions = map[family][]condition{}
	for _, given := range []struct {
		key    string
		family family
		words  *[]string
	}{{"conditionsV4", v4, c.ConditionsV4}, {"conditionsV6", v6, c.ConditionsV6}} {
		if given.words == nil {
			continue
		}
		parsed, err := parseConditions(given.key, given.family, *given.words)
		if err != nil {
			return nil, err
		}
		c.conditions[given.family] = parsed
	}
	return c, nil
}

// ReadConfig returns a *config.
func (portmap) ReadConfig(inv *plugin.Invocation) (any, error) {
	return parse(inv.Config)
}

func (c *config) validate() error {
	if c.Backend != nil && *c.Backend != "nftables" && *c.Backend != "iptables" {
		return fault.InvalidConfig("backend", "backend: %q is unknown; use nftables or iptables",
			*c.Backend)
	}
	if c.ExternalSetMarkChain != nil {
		return fault.InvalidConfig("externalSetMarkChain",
			"externalSetMarkChain: requires backend iptables")
	}
	if bit := c.MarkMasqBit; bit != nil && (*bit < 0 || *bit > 31) {
		return fault.InvalidConfig("markMasqBit", "markMasqBit: %d is not between 0 and 31", *bit)
	}
	return nil
}

// masquerades reports whether connections get the host's address where replies would otherwise not
// come back.
func (c *config) masquerades() bool { return c.SNAT == nil || *c.SNAT }

func parseMappings(entries []mappingEntry) ([]mapping, error) {
	var all []mapping
	for i, e := range entries {
		m, err := e.parse(fmt.Sprintf("runtimeConfig.portMappings[%d]", i))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, refuseOverlaps(all)
}

func (e mappingEntry) parse(key string) (mapping, error) {
	e.fillDefaults()
	m := mapping{
		hostPort: e.HostPort, containerPort: e.ContainerPort, count: max(e.Range, 1), key: key,
	}
	var err error
	if m.proto, err = parseProtocol(key, e.Protocol); err != nil {
		return m, err
	}
	if e.Range < 0 {
		return m, fault.InvalidConfig(key+".range", "%s.range: %d is negative", key, e.Range)
	}
	for _, port := range []struct {
		name  string
		value int
	}{{"hostPort", e.HostPort}, {"containerPort", e.ContainerPort}} {
		if port.value < 1 || port.value > maxPort {
			return m, fault.InvalidConfig(key+"."+port.name, "%s.%s: %d is not between 1 and %d",
				key, port.name, port.value, maxPort)
		}
		if port.value > maxPort-m.count+1 {
			return m, fault.InvalidConfig(key+".range",
				"%s.range: %d ports from %s %d go beyond %d", key, m.count, port.name, port.value,
				maxPort)
		}
	}
	return m, m.parseHostIP(e.HostIP)
}

func parseProtocol(key, name string) (protocol, error) {
	switch strings.ToLower(name) {
	case "tcp":
		return tcp, nil
	case "udp":
		return udp, nil
	case "sctp":
		return sctp, nil
	default:
		return 0, fault.InvalidConfig(key+".protocol",
			"%s.protocol: %q is unknown; use tcp, udp or sctp", key, name)
	}
}

func (m *mapping) parseHostIP(text string) error {
	if text == "" {
		return nil
	}
	key := m.key + ".hostIP"
	addr, err := ipamconfig.Address(key, text)
	if err != nil {
		return err
	}
	if addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return fault.InvalidConfig(key, "%s: %s is not the address of a host", key, addr)
	}
	if addr == netip.IPv6Loopback() {
		return fault.InvalidConfig(
			key,
			"%s: ::1 cannot be published, since the kernel lets no packet from there "+
				"leave the host; use 127.0.0.1",
			key,
		)
	}
	if addr.Is6() && addr.IsLinkLocalUnicast() {
		return fault.InvalidConfig(key, "%s: link-local address %s cannot be published, since the "+
			"container cannot answer; use another address of the host", key, addr)
	}
	m.only = familyOf(addr)
	if !addr.IsUnspecified() {
		m.hostIP = addr
	}
	return nil
}

func familyOf(addr netip.Addr) family {
	if addr.Is4() {
		return v4
	}
	return v6
}

func (m mapping) in(f family) bool { return m.only == 0 || m.only == f }

// overlaps reports whether both mappings claim the same port. A mapping of all addresses conflicts
// with one of any address.
func (m mapping) overlaps(other mapping) bool {
	if m.proto != other.proto || m.only != 0 && other.only != 0 && m.only != other.only {
		return false
	}
	if m.hostIP.IsValid() && other.hostIP.IsValid() && m.hostIP != other.hostIP {
		return false
	}
	return m.hostPort < other.hostPort+other.count && other.hostPort < m.hostPort+m.count
}

// address is the host's address, which may be the unspecified one of a family.
func (m mapping) address() netip.Addr {
	if m.hostIP.IsValid() {
		return m.hostIP
	}
	return unspecified(m.only)
}

// String is the host's side, such as "tcp 192.0.2.1:8000-8009".
func (m mapping) String() string {
	s := m.proto.String() + " "
	switch {
	case m.hostIP.Is6():
		s += "[" + m.hostIP.String() + "]:"
	case m.hostIP.IsValid():
		s += m.hostIP.String() + ":"
	}
	s += fmt.Sprint(m.hostPort)
	if m.count > 1 {
		s += fmt.Sprintf("-%d", m.hostPort+m.count-1)
	}
	return s
}
