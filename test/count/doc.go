// Package count holds what must not grow unnoticed and does not depend on the clock: the system
// calls, netlink messages and processes of one call, the memory it takes, and the size of the
// library.
package count
