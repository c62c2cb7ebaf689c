package plugin

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/resultjson"
)

// Result is a CNI result: the answer of a plugin process as the bytes it wrote, or that of a
// built-in as a value. Each form is made from the other only when it is asked for. A Result is not
// changed once made, and may be used by several goroutines.
type Result struct {
	value   *types100.Result
	raw     []byte // nil for a built-in's
	version string // of raw

	made *Interface // nil if it is not known
}

// Interface is the container's interface of the requested name as the kernel has it.
type Interface struct {
	Index int
	MAC   net.HardwareAddr
}

// WithInterface adds to a built-in's answer what the built-in knows of the interface it made. It is
// not part of the JSON, and goes lost where the next plugin answers with a result of its own.
func (r *Result) WithInterface(index int, mac net.HardwareAddr) *Result {
	with := *r
	with.made = &Interface{Index: index, MAC: mac}
	return &with
}

// Interface returns what WithInterface added, or nil.
func (r *Result) Interface() *Interface { return r.made }

// NewResult wraps a built-in's answer. The caller must not change r afterwards. nil is an empty
// result.
func NewResult(r *types100.Result) *Result {
	value := types100.Result{}
	if r != nil {
		value = *r
	}
	value.CNIVersion = types100.ImplementedSpecVersion
	return &Result{value: &value}
}

// ParseResult takes the JSON of a result of any version. A result without cniVersion is of the
// given version, or of 0.1.0 if it has the keys of that version; null is an empty result. It
// refuses what would cause failures later: null among the interfaces, addresses or routes, an
// address or route without its network, an index of an interface that is not there.
func ParseResult(raw []byte, version string) (*Result, error) {
	text, err := jsonobject.Normalize(raw, jsonobject.Duplicates|jsonobject.InvalidUTF8)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	if text.Kind() == 'n' {
		text = []byte("{}")
	}
	r := &Result{raw: append([]byte(nil), text...)}
	if err := r.settleVersion(version); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	if r.value, err = parseValue(r.raw, r.version); err != nil {
		return nil, fmt.Errorf("result of version %s: %w", r.version, err)
	}
	return r, nil
}

// settleVersion reads the version, and writes it into the text if it is not there: plugins of old
// versions leave it out, and those that read the result need it.
func (r *Result) settleVersion(otherwise string) error {
	const key = "cniVersion"
	members, err := jsonobject.Parse(r.raw)
	if err != nil {
		return err
	}
	value, found := members.Get(key)
	if found && value.Kind() != 'n' {
		written, ok := jsonobject.String(value)
		if !ok {
			return jsonobject.Errorf(key, "expected a string, got %s", jsonobject.Describe(value.Kind()))
		}
		if r.version = written; written != "" {
			return nil
		}
	}
	if r.version, err = unstatedVersion(members, otherwise); err != nil {
		return err
	}
	version := jsonobject.Member{Name: key, Value: jsonobject.AppendString(nil, r.version)}
	members = append(jsonobject.Object{version}, members.Without(key)...)
	r.raw = append(members.Append([]byte{'{'}), '}')
	return nil
}

// unstatedVersion returns the version of a result that states none: the given one, unless its keys
// are those of 0.1.0, whose plugins did not state a version. Without a given version it is the
// default, which is refused for a result with keys that the default does not have.
func unstatedVersion(members jsonobject.Object, otherwise string) (string, error) {
	has := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(key string) bool {
			_, found := members.Get(key)
			return found
		})
	}
	old, current := has("ip4", "ip6"), has("ips", "interfaces", "routes")
	switch {
	case otherwise == "" && current:
		return "", jsonobject.Errorf("cniVersion", "missing; the default, %s, has no ips, interfaces "+
			"and routes", DefaultVersion)
	case otherwise == "":
		return DefaultVersion, nil
	case !isOld(otherwise) && old && !current:
		return "0.1.0", nil
	}
	return otherwise, nil
}

// parseValue reads the text and converts it to the current version.
func parseValue(raw []byte, version string) (*types100.Result, error) {
	parsed, err := parseTypes(raw, version)
	if err != nil {
		return nil, err
	}
	if err := check(parsed); err != nil {
		return nil, err
	}
	converted, err := types100.NewResultFromResult(parsed)
	if err != nil {
		return nil, err
	}
	// The converter may return what it was given; a result of the current version is ours alone.
	value := *converted
	value.IPs = withoutNoInterface(value.IPs, len(value.Interfaces))
	return &value, nil
}

// parseTypes reads the text into the types of its version. Those of old versions are rare, and have
// decoders of their own, which also say what is wrong with a text.
func parseTypes(raw []byte, version string) (types.Result, error) {
	if version == "1.0.0" || version == types100.ImplementedSpecVersion {
		if result, err := resultjson.Read(raw); err == nil && result.CNIVersion == version {
			return result, nil
		}
	}
	return create.Create(version, raw)
}

// withoutNoInterface leaves out indexes that mean "no interface": -1, which version 0.3.0 writes,
// and any index when there are no interfaces to count.
func withoutNoInterface(ips []*types100.IPConfig, interfaces int) []*types100.IPConfig {
	for i, ip := range ips {
		if ip.Interface != nil && (*ip.Interface < 0 || interfaces == 0) {
			ips[i] = &types100.IPConfig{Address: ip.Address, Gateway: ip.Gateway}
		}
	}
	return ips
}

// Value returns the result as the current version of the specification has it. The caller must not
// change it. Each index of an interface in it is good, and no pointer in its lists is nil.
func (r *Result) Value() (*types100.Result, error) { return r.value, nil }

// JSON returns the result in the given version of the specification. A plugin process's result in
// its own version is what it wrote, keys that the specification does not know included. The caller
// must not change it.
func (r *Result) JSON(version string) ([]byte, error) {
	if version == "" {
		version = DefaultVersion
	}
	if r.raw != nil && r.version == version {
		return r.raw, nil
	}
	converted, err := convert(r.value, version)
	if err != nil {
		return nil, fmt.Errorf("result to version %s: %w", version, err)
	}
	if current, ok := converted.(*types100.Result); ok {
		return resultjson.Write(current), nil
	}
	return json.Marshal(encoded(converted))
}

func convert(value *types100.Result, version string) (types.Result, error) {
	if isOld(version) && len(value.IPs) == 0 {
		return emptyOld(value, version), nil
	}
	return value.GetAsVersion(version)
}
