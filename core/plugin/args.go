package plugin

import (
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
)

// The keys of CNI_ARGS that plugins read. They are case-sensitive, as in the CNI project's Go
// types.
const (
	ArgIP            = "IP"
	ArgGateway       = "GATEWAY"
	ArgMAC           = "MAC"
	ArgIgnoreUnknown = "IgnoreUnknown"
)

// Known refuses keys other than the given ones, unless IgnoreUnknown is 1 or true. A plugin that
// reads CNI_ARGS calls it with all keys it reads, as the reference plugins do; a plugin that reads
// none does not call it. The error is of kind invalid-request.
func (a Args) Known(keys ...string) error {
	ignore := false
	var unknown []string
	for _, pair := range a {
		switch {
		case pair[0] == ArgIgnoreUnknown:
			value, err := parseBool(pair[1])
			if err != nil {
				return err
			}
			ignore = value
		case !slices.Contains(keys, pair[0]):
			unknown = append(unknown, pair[0])
		}
	}
	if ignore || len(unknown) == 0 {
		return nil
	}
	noun := "key"
	if len(unknown) > 1 {
		noun = "keys"
	}
	return fault.InvalidRequest("args",
		"args (CNI_ARGS): unknown %s %s; known keys: %s; IgnoreUnknown=1 ignores unknown keys",
		noun, strings.Join(unknown, ", "), strings.Join(keys, ", "))
}

// parseBool reads the four values a boolean argument may have, in any case.
func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	default:
		return false, fault.InvalidRequest("args", "CNI_ARGS: %s=%s: must be 1, true, 0 or false",
			ArgIgnoreUnknown, value)
	}
}
