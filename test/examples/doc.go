// Package examples builds the programs of examples/ as their comments say and runs them, in a
// network namespace each.
package examples
