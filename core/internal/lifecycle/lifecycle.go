// Package lifecycle owns the life of an attachment: how it is made, checked, repaired and removed,
// what a failed ADD undoes, and to which attachment a network namespace or an interface in it
// belongs.
//
// The caller holds the attachment's lock during each call. Nothing is kept between calls: what is
// known of an attachment is its entry on disk.
package lifecycle

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/thread"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/plugin"
)

// Manager works on the attachments that one request is about. It is used by the goroutine of the
// request.
type Manager struct {
	Store    *attachments.Store
	Runner   *invoke.Runner
	Threads  *thread.Pool // for work in the containers' namespaces
	Deleter  *rtnl.Deleter
	Clock    *boot.Clock
	Events   event.Sink
	ConfDir  string
	StateDir string

	// BootID identifies this boot. Without it no entry counts as one of an earlier boot; the
	// namespaces' cookies still tell them apart.
	BootID string

	started *time.Time    // start of this boot, when it has been asked for
	waited  time.Duration // for namespaces to disappear
}

// Overrides is what the request of a CHECK, DEL, GC or REPAIR says about attachments. It takes
// precedence over the entry.
type Overrides struct {
	Config         *conf.List // nil for the recorded configuration
	Current        *conf.List // the configuration that the network has now, if it is known
	Netns          Candidate
	Args           plugin.Args
	CapabilityArgs map[string]jsontext.Value
}

// apply returns the entry as the plugins of a list are to see it.
func (o *Overrides) apply(entry *attachments.Entry, list *conf.List) *attachments.Entry {
	merged := *entry
	if entry.CNIVersion == "" || entry.ByGoLibcni { // Go's libcni uses the highest version of the list
		merged.CNIVersion = list.CNIVersion
	}
	if len(o.Args) > 0 {
		merged.Args = o.Args
	}
	if len(o.CapabilityArgs) > 0 {
		merged.CapabilityArgs = o.CapabilityArgs
	}
	return &merged
}

// StateAttached is the state of an attachment that is complete and whose namespace exists.
const StateAttached = "attached"

// Describe returns an entry as errors and answers show it, in state attached.
func Describe(entry *attachments.Entry) *fault.Attachment {
	return &fault.Attachment{
		Network: entry.Network, ContainerID: entry.ContainerID, IfName: entry.IfName, Netns: entry.Netns,
		Owner: entry.Owner, Args: entry.Args, CapabilityArgs: validMembers(entry.CapabilityArgs),
		Result: validOrNil(entry.Result), Config: validOrNil(entry.Config), State: StateAttached,
	}
}

// validOrNil returns text if it can be part of an answer. Other programs write cache files too:
// JSON with a duplicate name in an object, or that is not UTF-8, would make the whole answer
// unreadable.
func validOrNil(text jsontext.Value) jsontext.Value {
	if text.IsValid() {
		return text
	}
	return nil
}

func validMembers(members map[string]jsontext.Value) map[string]jsontext.Value {
	valid := make(map[string]jsontext.Value, len(members))
	for name, value := range members {
		if value.IsValid() {
			valid[name] = value
		}
	}
	return valid
}
