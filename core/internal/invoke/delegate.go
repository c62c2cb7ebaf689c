package invoke

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// delegate returns the function with which the plugin that inv is for runs another, such as its
// IPAM plugin.
func (r *Runner) delegate(inv *plugin.Invocation) func(context.Context, string, string,
	[]byte) (*plugin.Result, error) {
	return func(ctx context.Context, command, pluginType string,
		config []byte) (*plugin.Result, error) {
		target, err := r.Resolve(pluginType, config)
		if err != nil {
			return nil, err
		}

		asked := *inv
		asked.Command, asked.Config = command, config
		if !target.Builtin {
			if asked.Config, err = withPrevResult(&asked); err != nil {
				return nil, fault.From(fmt.Errorf("delegate to %s: %w", target, err), fault.KindPluginFailed)
			}
		}

		return r.Run(ctx, target, &asked)
	}
}

// withPrevResult adds the previous result to the configuration, where processes expect it.
func withPrevResult(inv *plugin.Invocation) ([]byte, error) {
	if inv.PrevResult == nil || !takesPrevResult(inv) {
		return inv.Config, nil
	}

	var keys map[string]json.RawMessage
	if err := json.Unmarshal(inv.Config, &keys); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}

	for key := range keys {
		if strings.EqualFold(key, "prevResult") {
			return inv.Config, nil
		}
	}

	previous, err := inv.PrevResult.JSON(inv.CNIVersion)
	if err != nil {
		return nil, err
	}

	// It is appended, so that the rest stays as it was written.
	config := bytes.TrimSuffix(bytes.TrimSpace(inv.Config), []byte("}"))
	separator := `,"prevResult":`
	if len(keys) == 0 {
		separator = separator[1:]
	}

	return bytes.Join([][]byte{config, []byte(separator), previous, []byte("}")}, nil), nil
}

// takesPrevResult reports whether requests of this command carry the previous result.
func takesPrevResult(inv *plugin.Invocation) bool {
	switch inv.Command {
	case plugin.Add:
		return true
	case plugin.Del, plugin.Check:
		return spec.PassesResult(inv.CNIVersion)
	default:
		return false
	}
}
