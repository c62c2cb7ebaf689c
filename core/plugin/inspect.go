package plugin

import "context"

// Inspect is libcni's own command. It is sent to an Inspector, and never to a process.
const Inspect = "INSPECT"

// Inspector is a plugin that makes rules or other objects on the host which an operator may want to
// see. The engine itself shows the links and routes of an attachment.
type Inspector interface {
	// Inspect calls inv.Found with each object on the host that belongs to the attachment or to its
	// network, as the kernel has it now. It changes nothing, and works without the container's
	// namespace. What it has found before an error is kept. inv.PrevResult is set.
	Inspect(ctx context.Context, inv *Invocation) error
}

// ObjectKind says what an Object is.
type ObjectKind string

// The kinds of objects.
const (
	LinkObject    ObjectKind = "link"
	AddressObject ObjectKind = "address"
	RouteObject   ObjectKind = "route"
	RuleObject    ObjectKind = "rule"
	ElementObject ObjectKind = "element"
	SourceObject  ObjectKind = "source"
)

// Scope says who has an Object.
type Scope string

// The scopes.
const (
	OfAttachment Scope = "attachment"
	OfNetwork    Scope = "network" // its containers share it
	OfHost       Scope = "host"    // all networks share it, or it is not made by a plugin
)

// Object is something on the host that belongs to an attachment or its network.
type Object struct {
	Kind    ObjectKind
	Name    string // of a link; of the table and chain of a rule; of the table and set of an element
	Text    string // as ip(8), nft(8) or iptables(8) writes it, without comment and counter
	Comment string // of a rule or an element
	Scope   Scope
	Link    *LinkState // of a link
	Matched *Counter   // of a rule that counts
}

// Counter is a count of packets.
type Counter struct{ Packets, Bytes, Dropped uint64 }

// LinkState is the state of a link. Received and Sent are the container's; they are nil for a link
// that others use.
type LinkState struct {
	Index          int
	Type           string // "veth", "bridge" …; "" for a device
	MAC            string
	MTU            int
	Up, Carrier    bool
	Master         string
	VLANs          []string
	Received, Sent *Counter
}
