// Package conformance holds libcni.so against Go's libcni and the reference plugins: the same
// configurations give the same requests to plugins, results and connectivity, and what one attached
// the other checks and removes.
//
// The intended differences stand in one table, in differences_test.go.
package conformance
