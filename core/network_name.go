package core

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"libcni/core/internal/conf"
	"libcni/core/internal/fault"
)

// parseNetworkName takes network as a string. People put paths and configurations there; they are told the right key.
func parseNetworkName(value jsontext.Value) (string, error) {
	var name string
	if err := json.Unmarshal(value, &name); err != nil {
		return "", fault.InvalidRequest("network", "network: %v", err)
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
