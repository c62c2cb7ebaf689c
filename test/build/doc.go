// Package build tests the Makefile on machines other than this one: another Go, another linker, no
// Go at all, a packager's flags.
package build
