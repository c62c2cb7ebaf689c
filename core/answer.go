package core

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"libcni/core/internal/fault"
	"libcni/core/internal/jsonobject"
)

// appender is an answer that writes itself. Those of the verbs which start and stop containers do: the tables that
// json.Marshal makes of a type take longer than such a call in a process that makes no other.
type appender interface{ appendJSON(dst []byte) []byte }

// encode writes the answer of a verb.
func encode(answer any) ([]byte, error) {
	switch answer := answer.(type) {
	case jsontext.Value:
		return jsontext.AppendFormat(nil, answer)
	case appender:
		return answer.appendJSON(nil), nil
	}
	return json.Marshal(answer, json.Deterministic(true))
}

// none is the answer of verbs that have nothing to say.
type none struct{}

func (none) appendJSON(dst []byte) []byte { return append(dst, "{}"...) }

func (a *DelAnswer) appendJSON(dst []byte) []byte {
	dst = strconv.AppendBool(append(dst, `{"found":`...), a.Found)
	dst = append(dst, `,"removed":[`...)
	for i, name := range a.Removed {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(name.appendTo(append(dst, '{')), '}')
	}
	return append(dst, "]}"...)
}

func (n *AttachmentName) appendTo(dst []byte) []byte {
	dst = appendString(dst, "network", n.Network)
	dst = appendString(dst, "containerId", n.ContainerID)
	return appendString(dst, "ifName", n.IfName)
}

// encodeError writes the error object.
func encodeError(e *fault.Error) ([]byte, error) {
	dst := appendNonempty([]byte{'{'}, "cniVersion", e.CNIVersion)
	dst = strconv.AppendInt(jsonobject.AppendKey(dst, "code"), e.Code, 10)
	dst = appendString(dst, "msg", e.Msg)
	dst = appendNonempty(dst, "details", e.Details)
	dst = appendString(dst, "kind", string(e.Kind))
	dst = appendNonempty(dst, "errno", e.Errno)
	dst = appendNonempty(dst, "command", e.Command)
	dst = appendNonempty(dst, "network", e.Network)
	dst = appendNonempty(dst, "containerId", e.ContainerID)
	dst = appendNonempty(dst, "ifName", e.IfName)
	if p := e.Plugin; p != nil {
		dst = appendString(append(jsonobject.AppendKey(dst, "plugin"), '{'), "type", p.Type)
		dst = strconv.AppendInt(jsonobject.AppendKey(dst, "index"), int64(p.Index), 10)
		dst = append(appendBool(dst, "builtin", p.Builtin), '}')
	}
	dst = appendNonempty(dst, "volume", e.Volume)
	dst = appendNonempty(dst, "stderr", e.Stderr)
	dst = appendBool(dst, "retryable", e.Retryable)
	if e.RolledBack != nil {
		dst = appendBool(dst, "rolledBack", *e.RolledBack)
	}
	if e.Existing != nil {
		existing, err := json.Marshal(e.Existing, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		dst = append(jsonobject.AppendKey(dst, "existing"), existing...)
	}
	dst = appendDrift(dst, e.Drift)
	if p := e.VolumePlugin; p != nil && *p != (fault.VolumePlugin{}) {
		dst = append(appendVolumePlugin(append(jsonobject.AppendKey(dst, "volumePlugin"), '{'), p), '}')
	}
	return append(dst, '}'), nil
}

func appendDrift(dst []byte, all []fault.Drift) []byte {
	if len(all) == 0 {
		return dst
	}
	dst = append(jsonobject.AppendKey(dst, "drift"), '[')
	for i, drift := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, '{'), "plugin", drift.Plugin)
		dst = appendString(dst, "object", drift.Object)
		dst = appendString(dst, "expected", drift.Expected)
		dst = append(appendString(dst, "actual", drift.Actual), '}')
	}
	return append(dst, ']')
}

func appendVolumePlugin(dst []byte, p *fault.VolumePlugin) []byte {
	dst = appendNonempty(dst, "name", p.Name)
	dst = appendNonempty(dst, "address", p.Address)
	dst = appendNonempty(dst, "endpoint", p.Endpoint)
	if p.Status != 0 {
		dst = strconv.AppendInt(jsonobject.AppendKey(dst, "status"), int64(p.Status), 10)
	}
	return dst
}

func appendBool(dst []byte, key string, value bool) []byte {
	return strconv.AppendBool(jsonobject.AppendKey(dst, key), value)
}

func appendNonempty(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(dst, key, value)
}

// appendString writes U+FFFD for each byte that is no UTF-8: plugins may say anything.
func appendString(dst []byte, key, value string) []byte {
	dst, _ = jsontext.AppendQuote(jsonobject.AppendKey(dst, key), value) // its error is that there was such a byte
	return dst
}
