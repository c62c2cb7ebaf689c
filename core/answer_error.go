package core

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// encodeError writes the error object.
func encodeError(e *fault.Error) ([]byte, error) {
	dst := appendNonempty([]byte{'{'}, "cniVersion", e.CNIVersion)
	dst = appendInt(dst, "code", e.Code)
	dst = appendString(dst, "msg", e.Msg)
	dst = appendNonempty(dst, "details", e.Details)
	dst = appendString(dst, "kind", string(e.Kind))
	dst = appendNonempty(dst, "errno", e.Errno)
	dst = appendNonempty(dst, "command", e.Command)
	dst = appendNonempty(dst, "network", e.Network)
	dst = appendNonempty(dst, "containerId", e.ContainerID)
	dst = appendNonempty(dst, "ifName", e.IfName)
	if e.Plugin != nil {
		dst = appendPlugin(dst, e.Plugin)
	}
	dst = appendNonempty(dst, "volume", e.Volume)
	dst = appendNonempty(dst, "stderr", e.Stderr)
	dst = appendBool(dst, "retryable", e.Retryable)
	if e.RolledBack != nil {
		dst = appendBool(dst, "rolledBack", *e.RolledBack)
	}
	if e.Existing != nil {
		dst = append((*Attachment)(e.Existing).members(append(jsonobject.AppendKey(dst, "existing"), '{')), '}')
	}
	if len(e.Drift) > 0 {
		dst = appendObjects(dst, "drift", e.Drift, appendDrift)
	}
	if p := e.VolumePlugin; p != nil && *p != (fault.VolumePlugin{}) {
		dst = appendVolumePlugin(dst, p)
	}
	return jsontext.AppendFormat(nil, append(dst, '}'), jsontext.AllowInvalidUTF8(true))
}

func appendPlugin(dst []byte, p *fault.Plugin) []byte {
	dst = appendString(append(jsonobject.AppendKey(dst, "plugin"), '{'), "type", p.Type)
	dst = appendInt(dst, "index", int64(p.Index))
	return append(appendBool(dst, "builtin", p.Builtin), '}')
}

func appendDrift(d *fault.Drift, dst []byte) []byte {
	dst = appendString(dst, "plugin", d.Plugin)
	dst = appendString(dst, "object", d.Object)
	dst = appendString(dst, "expected", d.Expected)
	return appendString(dst, "actual", d.Actual)
}

func appendVolumePlugin(dst []byte, p *fault.VolumePlugin) []byte {
	dst = appendNonempty(append(jsonobject.AppendKey(dst, "volumePlugin"), '{'), "name", p.Name)
	dst = appendNonempty(dst, "address", p.Address)
	dst = appendNonempty(dst, "endpoint", p.Endpoint)
	if p.Status != 0 {
		dst = appendInt(dst, "status", int64(p.Status))
	}
	return append(dst, '}')
}
