// Package e2e runs containers of real runtimes, crun and runc, that the programs of examples/
// attach to networks.
package e2e
