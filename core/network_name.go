package core

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// parseNetworkName takes network as a string. People put paths and configurations there; they are told the right key.
func parseNetworkName(value jsontext.Value) (string, error) {
	name, ok := jsonobject.String(value)
	if !ok {
		return "", fault.InvalidRequest("network", "network: expected a string, got %s", jsonobject.Describe(value.Kind()))
	}
	switch {
	case strings.Contains(name, "{"):
		return "", fault.InvalidRequest("network", "network: a string is the name of a network; give a configuration as an object, not as a string that holds JSON")
	case strings.Contains(name, "/"):
		return "", fault.InvalidRequest("network", "network: a string is the name of a network; give the path of a file as networkFile")
	}
	if err := conf.ValidateNetworkName(name); err != nil {
		return "", err
	}
	return name, nil
}
