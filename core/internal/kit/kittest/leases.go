package kittest

import (
	"errors"
	"net/netip"
	"os"
	"testing"
)

// Leases lists the addresses that host-local holds in the directory of a network.
func Leases(t testing.TB, directory string) []string {
	t.Helper()
	files, err := os.ReadDir(directory)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		if _, err := netip.ParseAddr(f.Name()); err == nil {
			found = append(found, f.Name())
		}
	}
	return found
}
