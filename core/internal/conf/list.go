// Package conf owns network configurations: it finds, loads and checks them, and derives from them what one plugin is
// asked.
//
// It reads the forms that Go's libcni reads, in the same order, and passes on what it does not know as it was written.
package conf

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/spec"
)

// List is a network configuration list. A single plugin's configuration is a list of one. It is not changed once
// loaded, and may be used by several goroutines.
type List struct {
	Name         string
	CNIVersion   string // one of spec.Versions: the highest that cniVersion and cniVersions allow
	DisableCheck bool
	DisableGC    bool
	Plugins      []Plugin
	File         string // where it was read; "" if it was given

	// Raw is the list as it was written. Drop-in plugins are put into it, and a single plugin is put into a list, so
	// that Parse returns the same from it.
	Raw jsontext.Value

	single      bool // was a single plugin
	inlinedOnly bool // loadOnlyInlinedPlugins: no drop-ins
	members     jsonobject.Object
}

// Plugin is the configuration of one plugin of a list.
type Plugin struct {
	Type         string
	IPAM         string          // type of its IPAM plugin; "" for none
	Capabilities map[string]bool // as written; true for those that the runtime may fill
	Raw          jsontext.Value  // as written

	body    []byte            // the members of a request that do not change between calls, without braces
	enabled []string          // the capabilities that are true, in their order
	given   jsonobject.Object // members of Raw that stand if the runtime has no value of its own
}

// Input is what a request has beyond the configuration.
type Input struct {
	CNIVersion     string // "" for that of the list
	PrevResult     []byte // JSON of a result; nil for none
	CapabilityArgs map[string]jsontext.Value

	// ValidAttachments is what GC keeps; nil for other commands. It is written under both spellings of its key.
	ValidAttachments *[]spec.AttachmentID
}

// FileError is a file in a configuration directory that is of no use.
type FileError struct {
	File string `json:"file"`
	Msg  string `json:"msg"`
}

func (e FileError) Error() string { return e.File + ": " + e.Msg }
