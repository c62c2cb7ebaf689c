package attachments

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/jsonobject"
)

// cacheKind marks the format of Go's libcni since 0.7.0. Earlier versions wrote a bare result.
const cacheKind = "cniCacheV1"

// document is a cache file as Go's libcni writes and reads it, with our additional member.
type document struct {
	Entry
	kind   string
	config []byte
	libcni jsontext.Value
}

// decode reads a file. A bare result, which does not name its attachment, gives an entry with an
// empty Key.
func decode(data []byte) (*Entry, error) {
	if len(data) == 0 {
		return nil, errors.New("empty")
	}

	var d document
	if err := jsonobject.Decode(data, d.fields()); err != nil {
		return nil, err
	}

	switch d.kind {
	case cacheKind:
		return d.entry()
	case "":
		return bareResult(data)
	default:
		return nil, fmt.Errorf("unknown kind %q", d.kind)
	}
}

// decodeKey reads only the key that a file states, at a fraction of the cost.
func decodeKey(data []byte) (Key, error) {
	var key Key
	err := jsonobject.Decode(data, jsonobject.Fields{
		{"containerId", &key.ContainerID}, {"ifName", &key.IfName}, {"networkName", &key.Network},
	})
	return key, err
}

// entry checks what was read.
func (d *document) entry() (*Entry, error) {
	e := &d.Entry
	if err := e.Validate(); err != nil {
		return nil, err
	}

	switch e.Result.Kind() {
	case '{':
	case 'n', 0: // null, or not there
		e.Result = nil
	default:
		return nil, errors.New("the result is not a JSON object")
	}

	if isJSON(d.config) {
		e.Config = d.config
	}

	with := *e
	if d.libcni.Kind() == '{' && jsonobject.Decode(d.libcni, with.recordFields()) == nil {
		return &with, nil
	}

	e.ByGoLibcni = true
	e.CNIVersion = firstVersion(e.Config, e.Result)
	e.setNetns()
	return e, nil
}

// setNetns takes the path of the namespace from the result where the file does not state it: Go's
// libcni writes netns since version 1.2.0.
func (e *Entry) setNetns() {
	var interfaces []resultInterface
	if e.Netns != "" || jsonobject.Decode(e.Result, jsonobject.Fields{{"interfaces",
		jsonobject.List(&interfaces, (*resultInterface).fields)}}) != nil {
		return
	}
	for _, i := range interfaces {
		if i.sandbox != "" && i.name == e.IfName {
			e.Netns = i.sandbox
		}
	}
}

// resultInterface is an element of interfaces in a result.
type resultInterface struct{ name, sandbox string }

func (i *resultInterface) fields() any {
	return jsonobject.Fields{{"name", &i.name}, {"sandbox", &i.sandbox}}
}

// isJSON accepts what Go's libcni accepts.
func isJSON(text jsontext.Value) bool {
	return text.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// bareResult recognises a result by its keys: every version has at least one of these.
func bareResult(data []byte) (*Entry, error) {
	var version string
	var ip4, ip6 jsontext.Value
	err := jsonobject.Decode(data, jsonobject.Fields{{"cniVersion", &version}, {"ip4", &ip4},
		{"ip6", &ip6}})
	if err != nil {
		return nil, err
	}
	if version == "" && ip4 == nil && ip6 == nil {
		return nil, errors.New("neither an entry nor a result")
	}
	return &Entry{ByGoLibcni: true, CNIVersion: version, Result: bytes.TrimSpace(data)}, nil
}

// firstVersion returns the cniVersion of the first document with one.
func firstVersion(documents ...[]byte) string {
	for _, d := range documents {
		var version string
		if jsonobject.Decode(d, jsonobject.Fields{{"cniVersion", &version}}) == nil && version != "" {
			return version
		}
	}
	return ""
}
