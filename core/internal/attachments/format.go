package attachments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// cacheKind marks the one format of Go's libcni since 0.7.0. Files of earlier ones are a bare result.
const cacheKind = "cniCacheV1"

// document is a cache file as Go's libcni writes and reads it, with our member beside its own. encoding/json reads it,
// as it does there, so that both agree on what a file says.
type document struct {
	Kind           string                    `json:"kind"`
	ContainerID    string                    `json:"containerId"`
	Config         []byte                    `json:"config"`
	IfName         string                    `json:"ifName"`
	NetworkName    string                    `json:"networkName"`
	Netns          string                    `json:"netns,omitempty"`
	Args           [][2]string               `json:"cniArgs,omitempty"`
	CapabilityArgs map[string]jsontext.Value `json:"capabilityArgs,omitempty"`
	Result         jsontext.Value            `json:"result,omitempty"`
	Ours           jsontext.Value            `json:"libcni,omitempty"`
}

// ours is what Go's libcni does not keep.
type ours struct {
	Owner      string        `json:"owner"`
	CNIVersion string        `json:"cniVersion"`
	Created    time.Duration `json:"created"` // ns since boot
	BootID     string        `json:"bootId"`
	Cookie     uint64        `json:"netnsCookie"`
	HostIfName string        `json:"hostIfName,omitempty"`
	MAC        string        `json:"mac,omitempty"`
	IfIndex    int           `json:"ifIndex,omitempty"`
	Plugins    []Ran         `json:"plugins,omitempty"`
}

// encode returns the file of e.
func encode(e *Entry) ([]byte, error) {
	if len(e.Result) > 0 && e.Result.Kind() != '{' {
		return nil, errors.New("the result is no JSON object")
	}
	extra, err := marshal(ours{
		Owner: e.Owner, CNIVersion: e.CNIVersion, Created: e.Created, BootID: e.BootID, Cookie: e.Cookie,
		HostIfName: e.HostIfName, MAC: e.MAC, IfIndex: e.IfIndex, Plugins: e.Plugins,
	})
	if err != nil {
		return nil, err
	}
	return marshal(document{
		Kind: cacheKind, ContainerID: e.ContainerID, Config: e.Config, IfName: e.IfName, NetworkName: e.Network,
		Netns: e.Netns, Args: e.Args, CapabilityArgs: e.CapabilityArgs, Result: e.Result, Ours: extra,
	})
}

// marshal keeps <, > and & as they are; Go's libcni reads both.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// decode reads a file. A bare result, which does not say whose it is, gives an entry with an empty Key.
func decode(data []byte) (*Entry, error) {
	if len(data) == 0 {
		return nil, errors.New("empty")
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	switch d.Kind {
	case cacheKind:
		return d.entry()
	case "":
		return bareResult(data)
	default:
		return nil, fmt.Errorf("unknown kind %q", d.Kind)
	}
}

// decodeKey reads whose a file says it is, which is a fraction of the work.
func decodeKey(data []byte) (Key, error) {
	var d struct {
		ContainerID string `json:"containerId"`
		IfName      string `json:"ifName"`
		NetworkName string `json:"networkName"`
	}
	err := json.Unmarshal(data, &d)
	return Key{Network: d.NetworkName, ContainerID: d.ContainerID, IfName: d.IfName}, err
}

func (d *document) entry() (*Entry, error) {
	e := &Entry{
		Key: Key{Network: d.NetworkName, ContainerID: d.ContainerID, IfName: d.IfName}, Netns: d.Netns,
		Args: d.Args, CapabilityArgs: d.CapabilityArgs,
	}
	if err := e.Validate(); err != nil {
		return nil, err
	}
	switch d.Result.Kind() {
	case '{':
		e.Result = d.Result
	case 'n', 0: // null, or not there
	default:
		return nil, errors.New("the result is no JSON object")
	}
	if json.Valid(d.Config) {
		e.Config = d.Config
	}
	var o ours
	if d.Ours.Kind() != '{' || json.Unmarshal(d.Ours, &o) != nil {
		e.Foreign = true
		e.CNIVersion = firstVersion(e.Config, e.Result)
		return e, nil
	}
	e.Owner, e.CNIVersion, e.Created, e.BootID, e.Cookie = o.Owner, o.CNIVersion, o.Created, o.BootID, o.Cookie
	e.HostIfName, e.MAC, e.IfIndex, e.Plugins = o.HostIfName, o.MAC, o.IfIndex, o.Plugins
	return e, nil
}

// bareResult tells a result by the keys that every version has one of.
func bareResult(data []byte) (*Entry, error) {
	var result struct {
		CNIVersion string         `json:"cniVersion"`
		IP4        jsontext.Value `json:"ip4"`
		IP6        jsontext.Value `json:"ip6"`
	}
	if err := json.Unmarshal(data, &result); err != nil {
		return nil, err
	}
	if result.CNIVersion == "" && result.IP4 == nil && result.IP6 == nil {
		return nil, errors.New("neither an entry nor a result")
	}
	return &Entry{Foreign: true, CNIVersion: result.CNIVersion, Result: bytes.TrimSpace(data)}, nil
}

// firstVersion returns the cniVersion of the first document that has one.
func firstVersion(documents ...[]byte) string {
	for _, d := range documents {
		var head struct {
			CNIVersion string `json:"cniVersion"`
		}
		if json.Unmarshal(d, &head) == nil && head.CNIVersion != "" {
			return head.CNIVersion
		}
	}
	return ""
}
