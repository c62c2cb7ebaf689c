// Package main is a library in Go that does nothing. Its cost is that of loading Go's runtime.
package main

import "C"

//export nothing
func nothing() {}

func main() {}
