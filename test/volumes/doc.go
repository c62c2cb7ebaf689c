// Package volumes holds libcni's client of volume plugins against real ones: Podman's testvol, and
// a plugin made with Docker's helpers that misbehaves on request. Podman's own client is asked
// the same beside it. The plugins are built by "make peers".
package volumes
