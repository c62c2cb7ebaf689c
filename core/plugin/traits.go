package plugin

// Traits says what a plugin is, as far as the engine and delegating plugins depend on it.
type Traits struct {
	// MakesInterface: Add makes an interface of the requested name in the container's namespace. The
	// engine refuses an ADD for a list with such a plugin if the name is taken.
	MakesInterface bool

	// Chained: the plugin works on the result of the plugin before it.
	Chained bool

	// IPAM: the plugin assigns addresses, and is run by another plugin.
	IPAM bool

	// NeedsLink: Del of an IPAM plugin needs the container's interface. Its DEL therefore runs before
	// the interface is removed; DEL of other IPAM plugins runs after that, so that no address is
	// assigned again while it still answers.
	NeedsLink bool

	// IgnoresInterface: Del neither uses nor changes the container's interface, which may be removed
	// at the same time.
	IgnoresInterface bool

	// Capabilities lists the capabilities whose arguments the plugin reads, apart from those of its
	// IPAM plugin. For executables it is unknown.
	Capabilities []string
}
