package conf

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/jsonobject"
)

// The keys of a request that the runtime writes.
const (
	keyVersion       = "cniVersion"
	keyName          = "name"
	keyRuntimeConfig = "runtimeConfig"
	keyPrevResult    = "prevResult"
	keyValid         = "cni.dev/valid-attachments"
	keyValidLegacy   = "cni.dev/attachments" // the misspelling of the first release with GC
)

// parsePlugin reads one plugin's configuration. The keys of its errors are those of the plugin.
func parsePlugin(raw jsontext.Value) (Plugin, error) {
	members, err := jsonobject.Parse(raw)
	if err != nil {
		return Plugin{}, &jsonobject.Error{Msg: err.Error()}
	}

	p := Plugin{Raw: raw}
	for _, read := range []func(*Plugin, jsonobject.Object) error{readType, readIPAM, readCapabilities,
		checkDNS, checkPrevResult} {
		if err := read(&p, members); err != nil {
			return Plugin{}, err
		}
	}

	p.split(members)
	return p, nil
}

// within prefixes the key of an error with the path of a plugin in its list.
func within(path string, err error) error {
	var wrong *jsonobject.Error
	if !errors.As(err, &wrong) {
		return err
	}
	if wrong.Key != "" {
		path += "." + wrong.Key
	}
	return &jsonobject.Error{Key: path, Msg: wrong.Msg}
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

func readType(p *Plugin, members jsonobject.Object) (err error) {
	value, found := members.Get("type")
	if !found || value.Kind() == 'n' {
		return jsonobject.Errorf("type", "missing; give the name of the plugin")
	}
	p.Type, err = pluginType("type", value)
	if err == nil && p.Type == "" {
		return jsonobject.Errorf("type", "empty; give the name of the plugin")
	}
	return err
}

// pluginType refuses names that lead out of the plugin directories.
func pluginType(key string, value jsontext.Value) (string, error) {
	text, ok := jsonobject.String(value)
	switch {
	case !ok:
		return "", jsonobject.Errorf(key, "expected a string, got %s", jsonobject.Describe(value.Kind()))
	case strings.ContainsAny(text, "/\x00"), strings.HasPrefix(text, "."):
		return "", jsonobject.Errorf(key,
			"%q is not a plugin name: it must not contain / or NUL, or begin with a dot",
			text)
	}
	return text, nil
}

func readIPAM(p *Plugin, members jsonobject.Object) error {
	value, found := members.Get("ipam")
	if !found || value.Kind() == 'n' {
		return nil
	}

	ipam, err := jsonobject.Parse(value)
	if err != nil {
		return jsonobject.Errorf("ipam", "%v", err)
	}

	value, found = ipam.Get("type")
	if !found || value.Kind() == 'n' {
		return nil
	}

	p.IPAM, err = pluginType("ipam.type", value)
	return err
}

func readCapabilities(p *Plugin, members jsonobject.Object) error {
	value, found := members.Get("capabilities")
	if !found || value.Kind() == 'n' {
		return nil
	}

	capabilities, err := jsonobject.Parse(value)
	if err != nil {
		return jsonobject.Errorf("capabilities", "%v", err)
	}

	p.Capabilities = make(map[string]bool, len(capabilities))
	for _, capability := range capabilities {
		switch kind := capability.Value.Kind(); kind {
		case 't':
			p.enabled = append(p.enabled, capability.Name)
			p.Capabilities[capability.Name] = true
		case 'f', 'n':
			p.Capabilities[capability.Name] = false
		default:
			return jsonobject.Errorf("capabilities."+capability.Name, "expected true or false, got %s",
				jsonobject.Describe(kind))
		}
	}

	return nil
}

// checkDNS refuses what Go's libcni refuses, because plugins rely on it.
func checkDNS(_ *Plugin, members jsonobject.Object) error {
	value, found := members.Get("dns")
	if !found || value.Kind() == 'n' {
		return nil
	}

	dns, err := jsonobject.Parse(value)
	if err != nil {
		return jsonobject.Errorf("dns", "%v", err)
	}

	for _, key := range []string{"nameservers", "search", "options"} {
		if err := checkStrings(dns, key); err != nil {
			return err
		}
	}

	if domain, found := dns.Get("domain"); found && domain.Kind() != '"' && domain.Kind() != 'n' {
		return jsonobject.Errorf("dns.domain", "expected a string, got %s",
			jsonobject.Describe(domain.Kind()))
	}

	return nil
}

func checkStrings(dns jsonobject.Object, key string) error {
	value, found := dns.Get(key)
	if !found || value.Kind() == 'n' {
		return nil
	}

	elements, err := jsonobject.Elements(value)
	if err != nil {
		return jsonobject.Errorf("dns."+key, "%v", err)
	}

	for i, element := range elements {
		if kind := element.Kind(); kind != '"' && kind != 'n' {
			return jsonobject.Errorf("dns."+key+index(i), "expected a string, got %s",
				jsonobject.Describe(kind))
		}
	}
	return nil
}

func checkPrevResult(_ *Plugin, members jsonobject.Object) error {
	value, found := members.Get(keyPrevResult)
	if kind := value.Kind(); found && kind != '{' && kind != 'n' {
		return jsonobject.Errorf(keyPrevResult, "expected an object, got %s", jsonobject.Describe(kind))
	}
	return nil
}

// split prepares Derive. Of the keys that are read here or written by the runtime, only the member
// that counts is kept, so that a plugin that ignores case does not read another one.
func (p *Plugin) split(members jsonobject.Object) {
	read := []string{"type", "ipam", "dns"}
	written := []string{keyRuntimeConfig, keyPrevResult, keyValid, keyValidLegacy}
	rest := make(jsonobject.Object, 0, len(members))
	for i, member := range members {
		matches := func(key string) bool { return strings.EqualFold(key, member.Name) }
		shadowed := func(key string) bool { return matches(key) && members.Index(key) != i }
		switch {
		case matches(keyVersion), matches(keyName), matches("capabilities"),
			slices.ContainsFunc(written, matches):
		case slices.ContainsFunc(read, shadowed):
		default:
			rest = append(rest, member)
		}
	}

	p.body = rest.Append(nil)
	for _, key := range written {
		if value, found := members.Get(key); found {
			p.given = append(p.given, jsonobject.Member{Name: key, Value: value})
		}
	}
}
