package conf

import (
	"strings"
	"unicode"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// maxJoined is the maximum length of "<network>-<containerID>-<ifName>" in bytes. It is a file
// name, which file systems limit to 255 bytes; the rest is for the suffixes of temporary files.
const maxJoined = 240

const nameRule = "it must consist of letters, digits, _ . and -, and begin with a letter or digit"

// ValidateIDs checks the names of an attachment, each one and all together. The error is a
// *fault.Error.
func ValidateIDs(network, containerID, ifName string) error {
	if err := ValidateNetworkName(network); err != nil {
		return err
	}

	if err := ValidateContainerID(containerID); err != nil {
		return err
	}

	if err := ValidateIfName(ifName); err != nil {
		return err
	}

	if n := len(network) + len(containerID) + len(ifName) + 2; n > maxJoined {
		return fault.InvalidRequest("containerId", "containerId: the file name made of network %q, "+
			"containerId and ifName has %d bytes; at most %d are allowed", network, n, maxJoined)
	}
	return nil
}

// ValidateContainerID accepts what the CNI specification allows. The error is a *fault.Error of
// kind invalid-request.
func ValidateContainerID(id string) error {
	if id == "" {
		return fault.InvalidRequest("containerId", "containerId is required")
	}
	if !isName(id) {
		return fault.InvalidRequest("containerId", "containerId: %q is not allowed: %s", id, nameRule)
	}
	return nil
}

// ValidateNetworkName accepts what the CNI specification allows. The error is a *fault.Error of
// kind invalid-config.
func ValidateNetworkName(name string) error {
	if err := checkName(name); err != nil {
		return invalid("network", nil, err)
	}
	return nil
}

// checkName is ValidateNetworkName for callers that add where the name was read.
func checkName(name string) error {
	if name == "" {
		return jsonobject.Errorf(keyName, "missing; give the name of the network")
	}
	if !isName(name) {
		return jsonobject.Errorf(keyName, "%q is not allowed: %s", name, nameRule)
	}
	return nil
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && (i == 0 || c != '_' && c != '.' && c != '-') {
			return false
		}
	}
	return s != ""
}

// ValidateIfName accepts what the kernel uses unchanged. The error is a *fault.Error of kind
// invalid-request.
func ValidateIfName(name string) error {
	switch {
	case name == "":
		return fault.InvalidRequest("ifName", "ifName is required")
	case len(name) > 15:
		return fault.InvalidRequest("ifName", "ifName: %q has %d bytes; at most 15 are allowed", name,
			len(name))
	case name == "all" || name == "default":
		return fault.InvalidRequest("ifName",
			"ifName: %q is not allowed: the kernel reserves it for settings of all interfaces", name)
	case name == "." || name == "..", strings.ContainsFunc(name, refusedInIfName):
		return fault.InvalidRequest("ifName", "ifName: %q is not allowed: it must not be . or .., "+
			"or contain / : %% or white space or control characters", name)
	}
	return nil
}

// refusedInIfName includes "%" because the kernel treats eth%d as a pattern.
func refusedInIfName(r rune) bool {
	return strings.ContainsRune("/:%", r) || unicode.IsSpace(r) || unicode.IsControl(r)
}
