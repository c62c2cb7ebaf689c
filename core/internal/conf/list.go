// Package conf owns network configurations: it finds, loads and checks them, and derives the
// request to each plugin.
//
// It reads the forms that Go's libcni reads, in the same order. Keys it does not know are passed on
// unchanged.
package conf

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/spec"
)

// List is a network configuration list. The configuration of a single plugin is a list of one. A
// list is not changed after it was loaded, and is safe for concurrent use.
type List struct {
	Name         string
	CNIVersion   string // one of spec.Versions: the highest that cniVersion and cniVersions allow
	DisableCheck bool
	DisableGC    bool
	Plugins      []Plugin
	File         string // the file it was read from, or ""

	// Raw is the list as it was written, with the drop-in plugins added. A single plugin is wrapped in
	// a list. Parse of Raw returns the same list.
	Raw jsontext.Value

	single      bool // was a single plugin
	inlinedOnly bool // loadOnlyInlinedPlugins: no drop-ins
	members     jsonobject.Object
}

// PluginPath is the prefix of the keys of plugin i in messages: "plugins[i]." in a list, and "" if
// the configuration was that of a single plugin.
func (l *List) PluginPath(i int) string {
	if l.single {
		return ""
	}
	return "plugins" + index(i) + "."
}

// Plugin is the configuration of one plugin of a list.
type Plugin struct {
	Type         string
	IPAM         string          // type of its IPAM plugin; "" for none
	Capabilities map[string]bool // as written; true for those that the runtime may fill
	Raw          jsontext.Value  // as written

	body    []byte            // the members of every request to the plugin, without braces
	enabled []string          // the capabilities that are true, in order
	given   jsonobject.Object // members of Raw that count if the runtime has no value
}

// Input is what a request contains beyond the configuration.
type Input struct {
	CNIVersion     string // "" for that of the list
	PrevResult     []byte // JSON of a result; nil for none
	CapabilityArgs map[string]jsontext.Value

	// ValidAttachments is what GC keeps; nil for other commands. It is written under both spellings of
	// its key.
	ValidAttachments *[]spec.AttachmentID
}

// FileError is a file in a configuration directory that cannot be used.
type FileError struct {
	File string `json:"file"`
	Msg  string `json:"msg"`
}

func (e FileError) Error() string { return e.File + ": " + e.Msg }
