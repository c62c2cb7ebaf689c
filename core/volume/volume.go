// Package volume is a client of version 1 of Docker's volume plugin protocol, which Podman's volume
// plugins use too. It finds a plugin, performs the handshake and makes calls. It keeps no
// connection open between calls and holds no lock while it waits, so a plugin that hangs delays no
// other call.
package volume

import (
	"encoding/json"
	"time"
)

// Client remembers with which plugins it has performed the handshake. It is safe for concurrent
// use.
type Client struct {
	known *handshakes
}

// New returns a client that has performed no handshake yet.
func New() *Client { return &Client{known: newHandshakes()} }

// Settings say where plugins are and how long to wait for them.
type Settings struct {
	Dirs []string // directories in which plugins are looked up by name
	// the address or socket path of plugins by name; these names are not looked up in Dirs
	Named  map[string]string
	Reload bool // repeat the handshake even with a known plugin
	// how long to retry while a plugin cannot be found or connected to; 0: no retry
	Retry   time.Duration
	Connect time.Duration // bounds each connection, TLS included; 0: only the context does
	// bounds the wait for the first byte of a response; 0: only the context does
	Header time.Duration
	// Activate bounds the whole handshake; 0: only the context does.
	Activate time.Duration
}

// Volume is a volume as its plugin describes it.
type Volume struct {
	Name       string
	Mountpoint string          // "" if not mounted
	CreatedAt  string          // in the plugin's own format
	Status     json.RawMessage // an object, or nil
}

// The scopes of a plugin's volumes.
const (
	Local  = "local"  // each host has its own
	Global = "global" // all hosts see the same
)

// Plugin is one plugin, by name or address. Each call locates it again.
type Plugin struct {
	client *Client
	target string
	Settings
}

// Plugin returns the plugin with a name, or at an address such as
// unix:///run/docker/plugins/x.sock.
func (c *Client) Plugin(nameOrAddress string, settings Settings) *Plugin {
	return &Plugin{client: c, target: nameOrAddress, Settings: settings}
}
