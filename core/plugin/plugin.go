// Package plugin is the plugin's side of CNI: what a plugin is asked, what it answers, and the result formats of all
// versions of the specification.
package plugin

import (
	"context"

	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/spawn"
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

// Repair is libcni's own: it is sent to built-ins that are a Repairer, and never to a process.
const Repair = "REPAIR"

// Plugin is a plugin that runs in-process. Its methods may be called concurrently; each is given all it may use in
// the Invocation and keeps nothing between calls.
//
// A method returns a plain error, which the caller receives as kind plugin-failed with code 999, or a *fault.Error
// with a kind and code of its own. An Add that fails has removed what it made itself, shared objects aside.
type Plugin interface {
	// Traits says what the plugin is. It is constant.
	Traits() Traits
	// Unsupported returns the first configuration key whose work this built-in does not do, as a path such as
	// "ipam.resolvConf", or "". It is asked before anything is done.
	Unsupported(config []byte) string
	Add(ctx context.Context, inv *Invocation) (*Result, error)
	// Del succeeds when there is nothing to remove: with no namespace, no link, no PrevResult, and when repeated.
	Del(ctx context.Context, inv *Invocation) error
	// Check reports all differences at once with fault.NewDrift.
	Check(ctx context.Context, inv *Invocation) error
	// GC removes what belongs to attachments of inv.Network that are not in inv.ValidAttachments.
	GC(ctx context.Context, inv *Invocation) error
	// Status answers whether an Add could succeed now, with code 50 or 51 if not.
	Status(ctx context.Context, inv *Invocation) error
}

// Repairer is a built-in that keeps objects on the host which others may take away, such as firewall rules.
type Repairer interface {
	// Repair puts back what Check would report missing on the host's side, and names each object to inv.Repaired. It
	// does not touch the container's interface, and does nothing where nothing is missing.
	Repair(ctx context.Context, inv *Invocation) error
}

// DelStarter is a plugin whose Del waits for the kernel. The engine starts that work before it runs DEL of the other
// plugins of the list, if these have the trait IgnoresInterface.
type DelStarter interface {
	// StartDel starts the work that Del would wait for. It returns nil if it started nothing; the engine then calls Del,
	// which reports any error. Otherwise the engine calls exactly one method of the returned value, instead of Del.
	StartDel(ctx context.Context, inv *Invocation) StartedDel
}

// StartedDel is a DEL in progress.
type StartedDel interface {
	// Finish completes the DEL.
	Finish(ctx context.Context) error
	// Abandon waits for the work that was started, and does nothing else: another plugin's DEL has failed.
	Abandon(ctx context.Context)
}

// Invocation is one request to one plugin.
type Invocation struct {
	Command     string
	Network     string
	ContainerID string
	IfName      string
	NetnsPath   string           // as the caller named it; "" when none was given or it is gone
	Netns       *netns.Namespace // nil when NetnsPath is ""
	Args        Args             // CNI_ARGS
	CNIVersion  string           // of Config, and of the answer

	// Config is the derived request as the specification's section 3 "Deriving request configuration from network
	// configuration" defines it: with name, cniVersion, runtimeConfig, prevResult (as JSON only for plugin
	// processes; built-ins take PrevResult) and, for GC, cni.dev/valid-attachments.
	Config     []byte
	PrevResult *Result // nil for none

	// ValidAttachments is what GC must keep.
	ValidAttachments []AttachmentID

	// HostIfName is the name to give the host's end of an interface pair. It is written to the state on disk before
	// Add is called, so that Del finds it whatever happened in between.
	HostIfName string

	// Foreign says that the state does not tell of a built-in that did the ADD: an executable may have, and left what
	// a built-in would not make.
	Foreign bool

	Links    *rtnl.Session // connections to the kernel of this call, shared by all its plugins
	StateDir string        // options.stateDir
	BootID   string        // of this boot; "" if the kernel does not tell
	Events   event.Sink

	// Repaired is told each object that a Repair has put back. It is set for Repair only.
	Repaired func(object string)

	// Start makes a process, for what can be done by an executable only. It is set like Delegate.
	Start spawn.Starter

	// Delegate runs another plugin, found like any plugin of the list, with this invocation's identity and the
	// given command and configuration. The Result is nil but for Add.
	Delegate func(ctx context.Context, command, pluginType string, config []byte) (*Result, error)

	// TraitsOf returns the traits of the plugin type that Delegate would run. It is set like Delegate.
	TraitsOf func(pluginType string) Traits
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
