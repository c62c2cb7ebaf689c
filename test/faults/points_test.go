package faults

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// points are the numbers, from 1 to count, that the test goes through, as CNI_FAULTS says: about
// sample of them, by default.
func points(t testing.TB, count, sample int) []int {
	t.Helper()
	wanted := os.Getenv("CNI_FAULTS")
	step := max(1, count/sample)
	switch {
	case wanted == "all":
		step = 1
	case strings.HasPrefix(wanted, "="):
		return []int{number(t, wanted[1:])}
	case strings.HasPrefix(wanted, "1/"):
		step = number(t, wanted[2:])
	case wanted != "":
		t.Fatalf("CNI_FAULTS is %q; it can be all, 1/20, =17", wanted)
	}
	first := 1 + rand.IntN(step)
	t.Logf("of %d points each %d. from the %d. on", count, step, first)
	var chosen []int
	for n := first; n <= count; n += step {
		chosen = append(chosen, n)
	}
	return chosen
}

func number(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CNI_FAULTS: %q is not a positive number", text)
	}
	return n
}
