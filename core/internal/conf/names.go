package conf

import (
	"strings"
	"unicode"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// maxJoined is the most bytes that "<network>-<containerID>-<ifName>" may have. It is the name of a file, of which a
// file system takes 255 bytes; the rest is for what is added to the names of temporary files.
const maxJoined = 240

const nameRule = "letters, digits, _ . and - are allowed, the first a letter or digit"

// ValidateIDs checks what names an attachment, each by itself and all together. The error is a *fault.Error.
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
		return fault.InvalidRequest("containerId", "containerId: together with the network %q and ifName it makes a file name of %d bytes; %d are allowed", network, n, maxJoined)
	}
	return nil
}

// ValidateContainerID allows what the CNI specification allows. The error is a *fault.Error of kind invalid-request.
func ValidateContainerID(id string) error {
	if id == "" {
		return fault.InvalidRequest("containerId", "containerId: missing")
	}
	if !isName(id) {
		return fault.InvalidRequest("containerId", "containerId: %q is not allowed: %s", id, nameRule)
	}
	return nil
}

// ValidateNetworkName allows what the CNI specification allows. The error is a *fault.Error of kind invalid-config.
func ValidateNetworkName(name string) error {
	if err := checkName(name); err != nil {
		return invalid("network", nil, err)
	}
	return nil
}

// checkName is ValidateNetworkName for those who say where the name was read.
func checkName(name string) error {
	if name == "" {
		return jsonobject.Errorf(keyName, "missing; it names the network")
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

// ValidateIfName allows what the kernel takes as it is. The error is a *fault.Error of kind invalid-request.
func ValidateIfName(name string) error {
	switch {
	case name == "":
		return fault.InvalidRequest("ifName", "ifName: missing")
	case len(name) > 15:
		return fault.InvalidRequest("ifName", "ifName: %q has %d bytes; at most 15 are allowed", name, len(name))
	case name == "all" || name == "default":
		return fault.InvalidRequest("ifName", "ifName: %q is not allowed: the kernel keeps it for settings of all interfaces", name)
	case name == "." || name == "..", strings.ContainsFunc(name, refusedInIfName):
		return fault.InvalidRequest("ifName", "ifName: %q is not allowed: it is not . or .., and has no / : %% and no white space or control character", name)
	}
	return nil
}

// refusedInIfName: "%" is among them because the kernel takes eth%d as a pattern and makes another name of it.
func refusedInIfName(r rune) bool {
	return strings.ContainsRune("/:%", r) || unicode.IsSpace(r) || unicode.IsControl(r)
}
