// Package settings owns the configuration keys that interface plugins share.
package settings

import (
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/masquerade"
)

// MaxMTU is the largest MTU of a link, and minMTU the smallest.
const (
	MaxMTU = 65535
	minMTU = 68
)

// RequireIPAM refuses a configuration without an IPAM plugin.
func (s *Settings) RequireIPAM() error {
	if s.IPAM.Type == "" {
		return fault.InvalidConfig("ipam.type",
			"ipam.type is required: configure an IPAM plugin, such as host-local")
	}
	return nil
}

// Validate refuses values that ADD and CHECK cannot use.
func (s *Settings) Validate() error {
	if s.MTU != 0 && s.MTU < minMTU || s.MTU > MaxMTU {
		return fault.InvalidConfig("mtu", "mtu: %d is neither 0 nor between %d and %d", s.MTU, minMTU,
			MaxMTU)
	}
	_, err := masquerade.ParseBackend(s.IPMasqBackend)
	return err
}

// Masquerade returns what the keys say about masquerading. An invalid backend, which Validate
// refuses, is the default.
func (s *Settings) Masquerade() masquerade.Config {
	backend, _ := masquerade.ParseBackend(s.IPMasqBackend)
	return masquerade.Config{Wanted: s.IPMasq, Backend: backend}
}
