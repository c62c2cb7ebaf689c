// Package rtnl speaks rtnetlink: links, addresses, routes, bridge ports.
package rtnl

// Session is the pair of rtnetlink connections of one call.
type Session struct{}
