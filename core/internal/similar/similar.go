// Package similar finds the known name that a misspelled one was probably meant to be.
package similar

import "strings"

// MaxLength is the length in bytes of the longest name that is compared: the work grows with the
// square of the length.
const MaxLength = 64

// Name returns the known name that is most similar to a name, or "" if none is similar. It ignores
// case.
func Name(name string, known []string) string {
	best, bestDistance := "", Tolerance(name)+1
	if len(name) > MaxLength {
		return ""
	}
	for _, candidate := range known {
		distance := Distance(strings.ToLower(name), strings.ToLower(candidate))
		if distance < bestDistance {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// Tolerance is the greatest distance at which a name counts as similar.
func Tolerance(name string) int { return 1 + len(name)/4 }

// Distance is the optimal string alignment distance: the number of bytes to insert, delete, replace
// or swap with their neighbour to turn a into b.
func Distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
