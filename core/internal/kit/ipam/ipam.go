// Package ipam delegates to the IPAM plugin of a configuration, in every verb, and converts its
// result.
package ipam

import (
	"context"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Plugin is the IPAM plugin of one invocation.
type Plugin struct {
	inv  *plugin.Invocation
	Type string // "" for none: every method then does nothing and succeeds

	added   *plugin.Result // of an ADD that succeeded
	refused bool           // the ADD failed and left nothing
}

// New returns the IPAM plugin of the given type, "" for none.
func New(inv *plugin.Invocation, pluginType string) *Plugin {
	return &Plugin{inv: inv, Type: pluginType}
}

// Add allocates addresses. It returns nil if there is no IPAM plugin.
func (p *Plugin) Add(ctx context.Context) (*types100.Result, error) {
	if p.Type == "" {
		return nil, nil
	}
	result, err := p.run(ctx, plugin.Add)
	if err != nil {
		p.refused = fault.Refused(err)
		return nil, err
	}
	p.added = result
	value, err := result.Value()
	if err != nil {
		return nil, fmt.Errorf("ipam %s: %w", p.Type, err)
	}
	return value, nil
}

// Run sends a command that has no result.
func (p *Plugin) Run(ctx context.Context, command string) error {
	if p.Type == "" {
		return nil
	}
	_, err := p.run(ctx, command)
	return err
}

func (p *Plugin) run(ctx context.Context, command string) (*plugin.Result, error) {
	result, err := p.inv.Delegate(ctx, command, p.Type, p.inv.Config)
	if err != nil {
		return nil, fmt.Errorf("ipam %s: %w", p.Type, err)
	}
	return result, nil
}

// Release undoes Add. An ADD that was refused has made nothing: the addresses that the plugin has
// for the same container and interface are those of another attachment.
func (p *Plugin) Release(ctx context.Context) error {
	if p.refused {
		return nil
	}
	p.inv.Undone = p.added
	defer func() { p.inv.Undone = nil }()
	return p.Run(ctx, plugin.Del)
}

// NeedsLink reports whether the plugin's DEL must run while the container's interface is there.
func (p *Plugin) NeedsLink() bool { return p.Type != "" && p.inv.TraitsOf(p.Type).NeedsLink }

// DNS returns the settings for the result: those of the configuration if it has any, else a copy of
// the IPAM plugin's, whose result may be nil.
func DNS(configured types.DNS, result *types100.Result) types.DNS {
	if configured.Nameservers != nil || configured.Search != nil || configured.Options != nil ||
		configured.Domain != "" {
		return configured
	}
	if result == nil {
		return types.DNS{}
	}
	return *result.DNS.Copy()
}
