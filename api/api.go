// Package api holds the description of libcni's interface, from which every boundary is generated:
// see README.md.
package api

import _ "embed"

// Description is cni.api.json, which cni_describe returns. It must not be changed.
//
//go:embed cni.api.json
var Description []byte
