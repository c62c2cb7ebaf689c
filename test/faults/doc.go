// Package faults holds the tests that break things on purpose: processes killed, and system calls
// failed, at every point of a call; calls in crowds; directories that are full, read-only or hold
// something else.
//
// "make test" runs a sample of the points, another one each time; "make test-faults" runs all of
// them. CNI_FAULTS says which: "all", "1/20" (each 20th, from a random one on; the default is set
// by each test), or "=17" for one alone.
package faults
