// Package readme holds the README to what it says: every block of commands is run, in order and in
// one shell, every quoted example is what stands in examples/, and every link leads to a file.
package readme
