// Package main is a library in Go that does nothing: what it costs to load is what Go's runtime
// costs.
package main

import "C"

//export nothing
func nothing() {}

func main() {}
