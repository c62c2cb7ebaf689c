package model

import (
	"fmt"
	"slices"
	"strings"
)

// CompareVersions compares versions such as "0.9" and "0.10".
func CompareVersions(a, b string) int {
	var numbers [2][2]int
	for i, version := range []string{a, b} {
		if _, err := fmt.Sscanf(version, "%d.%d", &numbers[i][0], &numbers[i][1]); err != nil {
			return strings.Compare(a, b)
		}
	}
	return slices.Compare(numbers[0][:], numbers[1][:])
}
