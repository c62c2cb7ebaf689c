// Package saved tests that rules which nft or iptables saves and loads again, as their services do
// at boot and at a reload, are still those of libcni.
package saved
