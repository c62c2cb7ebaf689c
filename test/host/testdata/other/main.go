// Command other is a library written in Go, which a host loads beside libcni.so.
package main

import "C"

import "runtime"

//export OtherCollectGarbage
func OtherCollectGarbage(n C.int) C.int {
	done := make(chan C.int)
	go func() {
		garbage := make([][]byte, 100)
		for i := range garbage {
			garbage[i] = make([]byte, 1<<10)
		}
		runtime.GC()
		done <- n + 1
	}()
	return <-done
}

func main() {}
