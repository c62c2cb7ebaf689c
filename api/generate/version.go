package main

import "fmt"

// version writes the constants that Go programs share with cni.h.
func version(api *source) ([]byte, error) {
	return fmt.Appendf(nil, `// %s

package api

// Version is the library's version, that of CNI_VERSION in cni.h.
const Version = %q

// ABI is the ABI version, that of CNI_ABI_VERSION in cni.h.
const ABI = %d

// MaxRequest is the maximum length of a request in bytes, that of CNI_MAX_REQUEST in cni.h.
const MaxRequest = %d
`, generatedFrom("api/cni.api.json"), api.Version, api.ABI, api.MaxRequestBytes), nil
}
