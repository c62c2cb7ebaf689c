// Package netns opens, enters, makes and removes network namespaces.
package netns

import "os"

// Namespace is an open network namespace.
type Namespace struct {
	path string
	file *os.File
}
