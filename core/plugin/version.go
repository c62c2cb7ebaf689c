package plugin

import (
	"slices"

	"github.com/containernetworking/cni/pkg/version"
)

// Versions returns the versions of the CNI specification that are supported, lowest first.
func Versions() []string { return slices.Clone(version.All.SupportedVersions()) }

// DefaultVersion is the version of a configuration or result that names none, and whose place names none.
const DefaultVersion = "0.2.0"
