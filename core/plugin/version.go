package plugin

import "github.com/libcni/libcni/core/internal/spec"

// Versions returns the supported versions of the CNI specification, lowest first.
func Versions() []string { return spec.Versions() }

// DefaultVersion is the version of a configuration or result that states none.
const DefaultVersion = spec.DefaultVersion
