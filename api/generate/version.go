package main

import (
	"fmt"
	"regexp"
	"time"
)

// version writes the constants that Go programs share with cni.h.
func version(api *source) ([]byte, error) {
	day, err := releaseDay(api)
	return fmt.Appendf(nil, `// %s

package api

// Version is the library's version, that of CNI_VERSION in cni.h.
const Version = %q

// Released is the day on which the version was released.
const Released = %q

// ABI is the ABI version, that of CNI_ABI_VERSION in cni.h.
const ABI = %d

// MaxRequest is the maximum length of a request in bytes, that of CNI_MAX_REQUEST in cni.h.
const MaxRequest = %d
`, generatedFrom("api/cni.api.json"), api.Version, day.Format(time.DateOnly), api.ABI,
		api.MaxRequestBytes), err
}

// releaseDay returns the day that CHANGELOG.md gives for the version.
func releaseDay(api *source) (time.Time, error) {
	text, err := api.read("CHANGELOG.md")
	if err != nil {
		return time.Time{}, err
	}
	heading := regexp.MustCompile(`(?m)^## ` + regexp.QuoteMeta(api.Version) + ` \(([0-9-]+)\)$`)
	m := heading.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, fmt.Errorf("CHANGELOG.md has no heading %q", "## "+api.Version+" (DAY)")
	}
	return time.Parse(time.DateOnly, m[1])
}
