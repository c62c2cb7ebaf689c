package plugin

import (
	"context"
	"fmt"
)

// Invocation is one request to one plugin. Its functions may be called until the plugin's method
// returns, on the goroutine that the method was called on.
type Invocation struct {
	Command     string
	Network     string
	ContainerID string
	IfName      string
	NetnsPath   string    // as the caller gave it; "" if none was given or it is gone
	Netns       Namespace // nil if NetnsPath is ""
	Args        Args      // CNI_ARGS
	CNIVersion  string    // of Config, and of the result

	// Config is the derived request as the specification's section 3 "Deriving request configuration
	// from network configuration" defines it: with name, cniVersion, runtimeConfig, prevResult (as
	// JSON only for plugin processes; in-process plugins take PrevResult) and, for GC,
	// cni.dev/valid-attachments.
	Config     []byte
	PrevResult *Result // nil for none

	// Undone is set for a DEL that takes back an ADD that succeeded: the result of that ADD. The
	// plugin then removes only what this result names: other objects of the same names were there
	// before.
	Undone *Result

	// ValidAttachments is what GC must keep.
	ValidAttachments []AttachmentID

	// HostIfName is the name to give the host's end of an interface pair. It is written to the state
	// on disk before Add is called, so that Del finds it after any failure.
	HostIfName string

	// ByExecutable: the ADD may have been done by an executable, which leaves objects that a built-in
	// does not make.
	ByExecutable bool

	// Reconfigured: the DEL has another configuration than the ADD had, so that the ADD may have made
	// what the configuration does not ask for.
	Reconfigured bool

	// OtherInterfaces returns the names of the container's other interfaces on the network, as the
	// state has them. It is nil if the caller of the plugin keeps no state.
	OtherInterfaces func() ([]string, error)

	// Recorded reports whether the state records an attachment, of any network, that is selects, and
	// whether it is proved that its namespace is gone. It is nil if the caller of the plugin keeps no
	// state.
	Recorded func(ctx context.Context, is func(network, containerID, ifName string) bool) (
		recorded, gone bool, err error)

	StateDir string // options.stateDir
	BootID   string // of this boot; "" if it is unknown

	// Warnings receives what Warn reports. It is nil if the caller of the engine has no log.
	Warnings func(msg string)

	// Repaired is called with the name of each object that Repair has put back. It is set for Repair
	// only.
	Repaired func(object string)

	// Found receives the objects that Inspect finds. It is set for Inspect only.
	Found func(Object)

	// Delegate runs another plugin, found like any plugin of the list, with this invocation's identity
	// and the given command and configuration. The Result is nil but for Add.
	Delegate func(ctx context.Context, command, pluginType string, config []byte) (*Result, error)

	// TraitsOf returns the traits of the plugin type that Delegate would run.
	TraitsOf func(pluginType string) Traits

	// Ahead is what ReadConfig returned for this request before the list's first plugin was run; nil
	// if it was not called. Add gets it with Read.
	Ahead any

	// Lent belongs to the built-in plugins; see core/internal/kit. Other plugins leave it alone.
	Lent Lent
}

// Warn reports something that the caller should know and that is not an error.
func (inv *Invocation) Warn(format string, args ...any) {
	if inv.Warnings != nil {
		inv.Warnings(fmt.Sprintf(format, args...))
	}
}

// Namespace is the container's network namespace, held open by the engine for the duration of the
// call.
type Namespace interface {
	// Path is the path the namespace was opened at. It may lead elsewhere by now.
	Path() string
	// Fd is a descriptor of the namespace, which stays the engine's: do not close it.
	Fd() int
	// Do runs fn on a thread inside the namespace, and returns fn's error or the context's. The
	// caller's thread stays where it is.
	Do(ctx context.Context, fn func() error) error
}

// Lent is what the engine lends its built-in plugins for one call, such as connections to the
// kernel.
type Lent interface {
	// ForBuiltins marks the type.
	ForBuiltins()
}
