package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/libcni/libcni/api"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/schema"
	"github.com/libcni/libcni/core/plugin"
)

// readConfig lets a built-in plugin read the configuration of plugin i, as it would for an ADD. The
// built-in is that plugin or its IPAM plugin.
func (s *scope) readConfig(ctx context.Context, list *conf.List, i int, pluginType string) error {
	config, err := list.Derive(i, conf.Input{CNIVersion: list.CNIVersion,
		CapabilityArgs: s.request.CapabilityArgs})
	if err != nil {
		return err
	}

	target := invoke.Target{Type: pluginType, Builtin: true}
	_, err = s.runner.Run(ctx, target, &plugin.Invocation{Command: plugin.Validate,
		Network: list.Name, Args: plugin.Args(s.request.Args), CNIVersion: list.CNIVersion,
		Config: config})
	if err == nil {
		return nil
	}
	e := fault.From(err, fault.KindInvalidConfig)
	if e.Plugin != nil {
		e.Plugin.Index = i
	}
	setDefault(&e.Network, list.Name)
	return e
}

// unknownKeys collects the keys of a list, and of its built-in plugins, that nothing reads.
type unknownKeys struct {
	schema   *schema.Schema
	list     *conf.List
	warnings []ConfigWarning
}

func newUnknownKeys(list *conf.List) (*unknownKeys, error) {
	known, err := schema.Parse(api.Schema())
	if err != nil {
		return nil, err
	}
	u := &unknownKeys{schema: known, list: list}
	found, err := known.UnknownInList(list.Raw)
	u.add(found, "")
	return u, err
}

// addPlugin adds the keys of plugin i of the list, or those of ipam, which its IPAM plugin reads.
func (u *unknownKeys) addPlugin(i int, pluginType string, isIPAM bool) error {
	value, path := u.list.Plugins[i].Raw, u.list.PluginPath(i)
	if isIPAM {
		members, err := jsonobject.Parse(value)
		if err != nil {
			return err
		}
		value, _ = members.Get("ipam")
		path += "ipam."
	}
	found, err := u.schema.Unknown(pluginType, value)
	u.add(found, path)
	return err
}

// add adds warnings of keys of an object at a path.
func (u *unknownKeys) add(found []schema.Key, path string) {
	for _, key := range found {
		w := ConfigWarning{Key: path + key.Path, Msg: path + key.Path + ": unknown key"}
		if key.Nearest != "" {
			w.Nearest = w.Key[:strings.LastIndexByte(w.Key, '.')+1] + key.Nearest
			w.Msg += "; did you mean " + w.Nearest + "?"
		}
		u.warnings = append(u.warnings, w)
	}
}

// refuse returns the error of a strict validation.
func (u *unknownKeys) refuse() error {
	if len(u.warnings) == 0 {
		return nil
	}
	first := u.warnings[0]
	more := ""
	if n := len(u.warnings) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	e := fault.InvalidConfig(first.Key, "%s%s", first.Msg, more)
	e.Network = u.list.Name
	return e
}
