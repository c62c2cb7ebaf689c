package iface

import (
	"crypto/rand"
	"net"
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// RandomMACs returns n locally administered MAC addresses.
func RandomMACs(n int) []net.HardwareAddr {
	random := make([]byte, 6*n)
	rand.Read(random) // never fails, as crypto/rand documents
	macs := make([]net.HardwareAddr, n)
	for i := range macs {
		mac := net.HardwareAddr(random[6*i : 6*i+6])
		mac[0] = mac[0]&^1 | 2
		macs[i] = mac
	}
	return macs
}

// RequestedMAC returns the MAC address asked for, nil for none. runtimeConfig.mac overrides
// args.cni.mac, which overrides MAC in CNI_ARGS. Other keys of CNI_ARGS are refused unless it says
// IgnoreUnknown.
func RequestedMAC(args plugin.Args, configured, capability string) (net.HardwareAddr, error) {
	if err := args.Known(plugin.ArgMAC); err != nil {
		return nil, err
	}
	text, _ := args.Get(plugin.ArgMAC)
	key := "args"
	if configured != "" {
		text, key = configured, "args.cni.mac"
	}
	if capability != "" {
		text, key = capability, "runtimeConfig.mac"
	}
	if text == "" {
		return nil, nil
	}
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 || slices.Equal(mac, make([]byte, 6)) {
		return nil, fault.InvalidConfig(key, "%s: %q is not the MAC address of an interface", key, text)
	}
	return mac, nil
}
