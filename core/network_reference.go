package core

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// namesNetwork reports whether a request names a network.
func (c *Common) namesNetwork() bool {
	return c.NetworkFile != "" || len(c.Network) != 0 && c.Network.Kind() != 'n'
}

// network returns the configuration that the request refers to: the object in the request, the
// file, or the network of that name in options.confDir.
func (s *scope) network() (*conf.List, error) {
	name, given, err := s.networkReference()
	if err != nil || given != nil {
		return given, err
	}
	return conf.Find(s.request.Options.ConfDir, name)
}

// networkReference returns the name of the network and its configuration, which is nil if the
// request gives only a name. DEL and CHECK then need no configuration.
func (s *scope) networkReference() (name string, given *conf.List, err error) {
	network, file := s.request.Network, s.request.NetworkFile
	switch {
	case len(network) != 0 && file != "":
		return "", nil, fault.InvalidRequest("networkFile", "network and networkFile exclude each other")
	case file != "":
		given, err = conf.ParseFile(file)
	case len(network) == 0:
		return "", nil, fault.InvalidRequest("network",
			"network is required: give network (a name or a configuration) or networkFile (a path)")
	case network.Kind() == '"':
		name, err = parseNetworkName(network)
		return name, nil, err
	case network.Kind() == '{':
		given, err = conf.Parse(network)
	default:
		return "", nil, fault.InvalidRequest("network",
			"network: expected an object (a configuration) or a string (a name)")
	}

	if err != nil {
		return "", nil, err
	}

	return given.Name, given, nil
}

// parseNetworkName reads network as a string. For a path or a configuration the error names the
// right key.
func parseNetworkName(value jsontext.Value) (string, error) {
	name, ok := jsonobject.String(value)
	if !ok {
		return "", fault.InvalidRequest("network", "network: expected a string, got %s",
			jsonobject.Describe(value.Kind()))
	}

	switch {
	case strings.Contains(name, "{"):
		return "", fault.InvalidRequest("network",
			"network: a string is the name of a network; give a configuration as an object, not as a "+
				"string that holds JSON")
	case strings.Contains(name, "/"):
		return "", fault.InvalidRequest("network",
			"network: a string is the name of a network; give the path of a file as networkFile")
	}

	if err := conf.ValidateNetworkName(name); err != nil {
		return "", err
	}

	return name, nil
}
