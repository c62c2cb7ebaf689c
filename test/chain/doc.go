// Package chain tests the chain that almost every container uses, bridge with ipMasq and
// macspoofchk, portmap, firewall, as a whole: through libcni.so and the command.
package chain
