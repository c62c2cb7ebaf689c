package conf

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/spec"
)

// Derive returns the request to plugin i, as the CNI specification defines in "Deriving request
// configuration from network configuration": cniVersion and name; the keys of the configuration
// except capabilities, in their order and as they were written; runtimeConfig with the capability
// arguments that the plugin declares, if any; prevResult; and for GC the valid attachments. If the
// input has no value for one of the last keys, the configuration's own value is used.
func (l *List) Derive(i int, in Input) ([]byte, error) {
	if i < 0 || i >= len(l.Plugins) {
		return nil, fmt.Errorf("network %s: there is no plugin %d", l.Name, i)
	}
	if in.PrevResult != nil && jsontext.Value(in.PrevResult).Kind() != '{' {
		return nil, fmt.Errorf("network %s: plugin %d: the previous result is not an object", l.Name, i)
	}

	p := &l.Plugins[i]
	version := in.CNIVersion
	if version == "" {
		version = l.CNIVersion
	}

	out := make([]byte, 0, p.size(in)+len(l.Name)+64)
	out = append(out, `{"cniVersion":`...)
	out = jsonobject.AppendString(out, version)
	out = append(out, `,"name":`...)
	out = jsonobject.AppendString(out, l.Name)
	if len(p.body) > 0 {
		out = append(append(out, ','), p.body...)
	}

	out = p.appendRuntimeConfig(out, in.CapabilityArgs)
	out = p.appendGiven(out, keyPrevResult, in.PrevResult)
	out = p.appendValid(out, in.ValidAttachments)
	return append(out, '}'), nil
}

// size estimates how many bytes Derive writes.
func (p *Plugin) size(in Input) int {
	size := len(p.body) + len(in.PrevResult) + 64
	for _, name := range p.enabled {
		size += len(name) + len(in.CapabilityArgs[name]) + 4
	}

	for _, member := range p.given {
		size += len(member.Name) + len(member.Value) + 4
	}

	if in.ValidAttachments != nil {
		for _, id := range *in.ValidAttachments {
			size += 2 * (len(id.ContainerID) + len(id.IfName) + 32)
		}
	}
	return size
}

func (p *Plugin) appendRuntimeConfig(out []byte, args map[string]jsontext.Value) []byte {
	begun := false
	for _, name := range p.enabled {
		value := args[name]
		if len(value) == 0 {
			continue
		}
		if begun {
			out = append(out, ',')
		} else {
			out = append(out, `,"runtimeConfig":{`...)
			begun = true
		}

		out = append(append(jsonobject.AppendString(out, name), ':'), value...)
	}

	if begun {
		return append(out, '}')
	}

	return p.appendGiven(out, keyRuntimeConfig, nil)
}

// appendGiven writes a member with the runtime's value, or without one with the configuration's.
func (p *Plugin) appendGiven(out []byte, key string, value []byte) []byte {
	if value == nil {
		value, _ = p.given.Get(key)
	}
	if value == nil {
		return out
	}
	out = append(out, ',')
	return append(append(jsonobject.AppendString(out, key), ':'), value...)
}

func (p *Plugin) appendValid(out []byte, valid *[]spec.AttachmentID) []byte {
	var ids []byte
	if valid != nil {
		ids = appendIDs(nil, *valid)
	}
	out = p.appendGiven(out, keyValid, ids)
	return p.appendGiven(out, keyValidLegacy, ids)
}

func appendIDs(out []byte, ids []spec.AttachmentID) []byte {
	out = append(out, '[')
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = jsonobject.AppendString(append(out, `{"containerID":`...), id.ContainerID)
		out = jsonobject.AppendString(append(out, `,"ifname":`...), id.IfName)
		out = append(out, '}')
	}
	return append(out, ']')
}
