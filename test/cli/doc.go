// Package cli tests the built command cni as a user runs it: arguments, environment, output and
// exit status, against the kernel, in a network namespace per test.
package cli
