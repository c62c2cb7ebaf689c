// Package spec owns what every ring knows of the CNI specification: its versions, and the identity
// of an attachment within a network.
package spec

import (
	"slices"

	"github.com/containernetworking/cni/pkg/version"
)

// DefaultVersion is the version of a configuration or result that states none.
const DefaultVersion = "0.2.0"

// Versions returns the supported versions of the specification, lowest first.
func Versions() []string { return slices.Clone(known()) }

// known must not be changed.
func known() []string { return version.All.SupportedVersions() }

// Supports reports whether a version is supported.
func Supports(version string) bool { return slices.Contains(known(), version) }

// IsAtLeast reports whether a version is the minimum or newer. An unsupported version is older than
// any other.
func IsAtLeast(version, minimum string) bool {
	return slices.Index(known(), version) >= slices.Index(known(), minimum)
}

// Highest returns the newest of the given versions, or "" if there are none.
func Highest(versions []string) (highest string) {
	for _, v := range versions {
		if IsAtLeast(v, highest) {
			highest = v
		}
	}
	return highest
}

// PassesResult reports whether CHECK and DEL requests of a version carry the result of ADD (since
// 0.4.0).
func PassesResult(version string) bool { return IsAtLeast(version, "0.4.0") }

// HasGC reports whether plugins of a version know GC and STATUS (since 1.1.0).
func HasGC(version string) bool { return IsAtLeast(version, "1.1.0") }

// Knows reports whether a version has a command of the specification.
func Knows(version, command string) bool {
	switch command {
	case "CHECK":
		return PassesResult(version)
	case "GC", "STATUS":
		return HasGC(version)
	default:
		return true
	}
}

// Retain returns those of the versions that are known.
func Retain(versions, known []string) []string {
	return slices.DeleteFunc(slices.Clone(versions),
		func(v string) bool { return !slices.Contains(known, v) })
}

// AttachmentID identifies an attachment within a network. The keys are those of
// cni.dev/valid-attachments.
type AttachmentID struct {
	ContainerID string `json:"containerID"`
	IfName      string `json:"ifname"`
}
