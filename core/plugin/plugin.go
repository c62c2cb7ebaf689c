// Package plugin is the contract of an in-process plugin: the request it receives, the result it
// returns, and the result formats of all versions of the specification. Its exported API uses no
// type of core/internal, so that a package of another module can implement it.
package plugin

import (
	"context"

	"github.com/libcni/libcni/core/internal/spec"
)

// The commands of the CNI specification 1.1.0, section 2.
const (
	Add     = "ADD"
	Del     = "DEL"
	Check   = "CHECK"
	GC      = "GC"
	Status  = "STATUS"
	Version = "VERSION"
)

// Repair is libcni's own command. It is sent to a Repairer, and never to a process.
const Repair = "REPAIR"

// Validate is libcni's own command. It is sent to a ConfigReader, and never to a process.
const Validate = "VALIDATE"

// Plugin is a plugin that runs in-process. Its methods may be called concurrently. Each receives
// everything it may use in the Invocation, and keeps nothing between calls.
//
// The caller receives a plain error as kind plugin-failed with code 999. An *Error has a code of
// its own; a built-in may also return a *fault.Error. An Add that fails has removed everything it
// made, except shared objects.
type Plugin interface {
	// Traits says what the plugin is. It is constant.
	Traits() Traits
	// Unsupported returns the first configuration key that the plugin does not support, as a path such
	// as "ipam.resolvConf", or "". It is called before anything is done.
	Unsupported(config []byte) string
	Add(ctx context.Context, inv *Invocation) (*Result, error)
	// Del succeeds when there is nothing to remove: with no namespace, no link, no PrevResult, and
	// when repeated.
	Del(ctx context.Context, inv *Invocation) error
	// Check reports all differences at once, as Differences.
	Check(ctx context.Context, inv *Invocation) error
	// GC removes what belongs to attachments of inv.Network that are not in inv.ValidAttachments.
	GC(ctx context.Context, inv *Invocation) error
	// Status answers whether an Add could succeed now, with code 50 or 51 if not.
	Status(ctx context.Context, inv *Invocation) error
}

// Repairer is a plugin with objects on the host that others may remove, such as firewall rules.
type Repairer interface {
	// Repair restores what Check would report missing on the host's side, and calls inv.Repaired with
	// the name of each object. It does not change the container's interface, and does nothing if
	// nothing is missing.
	Repair(ctx context.Context, inv *Invocation) error
}

// ConfigReader is a plugin whose configuration can be read before anything is done with it. Add
// gets what was read with Read.
type ConfigReader interface {
	// ReadConfig reads inv.Config and inv.Args for Add. It returns each error of Add that does not
	// depend on the state of the host. It does not look at the host, and runs no other plugin.
	ReadConfig(inv *Invocation) (any, error)
}

// DelStarter is a plugin whose Del waits for the kernel. The engine starts that work before it runs
// DEL of the other plugins of the list, if these have the trait IgnoresInterface.
type DelStarter interface {
	// StartDel starts the work that Del would wait for. It returns nil if it started nothing; the
	// engine then calls Del, which reports any error. Otherwise the engine calls exactly one method of
	// the returned value, instead of Del.
	StartDel(ctx context.Context, inv *Invocation) StartedDel
}

// StartedDel is a DEL in progress.
type StartedDel interface {
	// Finish completes the DEL.
	Finish(ctx context.Context) error
	// Abandon waits for the work that was started, and does nothing else: another plugin's DEL has
	// failed.
	Abandon(ctx context.Context)
}

// AttachmentID identifies an attachment within a network.
type AttachmentID = spec.AttachmentID

// Args is CNI_ARGS: pairs in the order they were given. Keys are case-sensitive and may repeat.
type Args [][2]string

// Get returns the last value of key.
func (a Args) Get(key string) (value string, found bool) {
	for _, pair := range a {
		if pair[0] == key {
			value, found = pair[1], true
		}
	}
	return value, found
}

// String returns the pairs as CNI_ARGS has them: "K=V;K=V".
func (a Args) String() string {
	var s []byte
	for i, pair := range a {
		if i > 0 {
			s = append(s, ';')
		}
		s = append(s, pair[0]...)
		s = append(s, '=')
		s = append(s, pair[1]...)
	}
	return string(s)
}
