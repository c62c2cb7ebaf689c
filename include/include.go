// Package include holds what the C interface promises: the header cni.h for people, and its description for programs,
// which this package embeds.
package include

import _ "embed"

// Version is the library's version, that of CNI_VERSION in cni.h.
const Version = "0.1.0"

// APIDescription is cni.api.json: what cni_describe answers. It must not be changed.
//
//go:embed cni.api.json
var APIDescription []byte
