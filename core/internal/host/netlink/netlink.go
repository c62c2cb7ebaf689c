// Package netlink is the one transport and codec for netlink(7): sockets, requests and their answers,
// attributes, and the kernel's errors. The packages above it know the messages of one subsystem each.
package netlink
