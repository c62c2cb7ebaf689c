package matrix

// What becomes of a connection. One that is answered has the name of who answers and "as itself" or
// "as the host", for the address that it sees.
const (
	blocked = "dropped"
	refused = "refused" // by the host: the port is not translated
)

// expected is the rule: what becomes of a cell's connection while the attachments' rules are
// there. It holds for every backend.
func (s setting) expected(c cell) string {
	switch {
	case c.toLoopback() && !c.onHost():
		return blocked // nobody else reaches the loopback addresses of the host
	case c.target == toPortOnLoopback && c.family == "IPv6":
		return refused // ::1 cannot be translated
	case c.source == fromLoopback && c.family == "IPv6" && c.published():
		return blocked // a translated packet from ::1 cannot leave the host
	case s.policyBlocks(c), s.foreignBlocks(c):
		return blocked
	}
	return passes(c)
}

// passes is the result of a cell whose connection is answered.
func passes(c cell) string {
	switch {
	case c.target == toHostLoopback:
		return "the host as itself"
	case c.target == toLAN:
		return "the LAN as the host"
	case c.seenAsItself():
		return "the container as itself"
	}
	return "the container as the host"
}

// policyBlocks: the policies are about connections between containers, to the container's address
// as well as to its published port. Those of two networks on different bridges count only if both
// have one, and the target's may except published ports. On one bridge "same-bridge" blocks
// nothing, and "isolated" everything, even the container's own way through the host.
func (s setting) policyBlocks(c cell) bool {
	switch {
	case !c.inContainer() || c.target == toLAN:
		return false
	case c.source == fromItself:
		return s.policy == isolated && c.published()
	case c.source == fromOtherBridge:
		return restricts(s.policy) && restricts(s.elsewhere) &&
			!(s.ports == portsPass && c.published())
	}
	return s.policy == isolated
}

func restricts(policy string) bool { return policy == sameBridge || policy == isolated }

// foreignBlocks: what another firewall drops is blocked, unless firewall accepts it before.
func (s setting) foreignBlocks(c cell) bool {
	f := s.foreignFirewall()
	for _, p := range s.forwarded(c) {
		if f.drops(p) && !(s.precedes(f, c) && s.accepts(c, p)) {
			return true
		}
	}
	return false
}

// precedes: firewall can accept before the rules of iptables, and does so but for those about the
// network; one about the target's bridge is not about the network on the other bridge. The chain of
// its backend iptables is the first in FORWARD, as with the reference plugin.
func (s setting) precedes(f foreign, c cell) bool {
	return !f.obeyed || s.backend == iptables && f.command == "iptables" ||
		f.name == ofBridge && c.source == fromOtherBridge
}

// accepts: firewall accepts what containers send, the answers, and connections to published ports.
// It leaves others to the host.
func (s setting) accepts(c cell, p packet) bool {
	switch {
	case s.policy == noFirewall, s.acceptsNothing:
		return false
	case p.fromContainer, !p.begins:
		return true
	}
	return c.published() && !s.acceptsNoPorts
}

// forwarded returns the first packet and the answer as the packet filter sees them, if it forwards
// them.
func (s setting) forwarded(c cell) []packet {
	bridged := c.source == fromSameNetwork && c.target == toContainer
	switch {
	case c.onHost(), c.source == fromItself && c.target == toContainer:
		return nil
	case bridged && s.bridgeNF == "0":
		return nil
	}
	first := packet{
		fromLAN: c.source == fromLAN, toLAN: c.target == toLAN,
		fromContainer: c.inContainer(), toContainer: c.target != toLAN, begins: true,
		fromBridge: c.inContainer() && c.source != fromOtherBridge,
	}
	answer := packet{
		fromLAN: first.toLAN, toLAN: first.fromLAN,
		fromContainer: first.toContainer, toContainer: first.fromContainer,
		fromBridge: first.toContainer,
	}
	return []packet{first, answer}
}

// seenAsItself: who is on the container's own network, or outside, keeps its address. Others are
// seen as the host: the host itself, other networks because of ipMasq, and the container's own
// network at a published port, since the answers would not return through the host.
func (c cell) seenAsItself() bool {
	return c.source == fromLAN || c.target == toContainer &&
		(c.source == fromSameNetwork || c.source == fromItself)
}

// expectedStatus is the code of STATUS, 0 for success: containers are cut off by a verdict without
// conditions that firewall cannot precede.
func (s setting) expectedStatus() int {
	f := s.foreignFirewall()
	if s.policy != noFirewall && f.obeyed && f.drops(packet{}) {
		return 51
	}
	return 0
}
