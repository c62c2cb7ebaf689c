// Package contract shows that a module outside this one can implement a plugin.
package contract
