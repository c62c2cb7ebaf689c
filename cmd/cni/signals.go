package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// interruptible returns a context that ends with the first SIGINT or SIGTERM, so that an ADD under way is undone. The
// second signal finds its default disposition again and kills. caught returns the number of the first, 0 for none.
func interruptible() (ctx context.Context, caught func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	var first atomic.Int32
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		sig := <-signals
		signal.Reset(syscall.SIGINT, syscall.SIGTERM)
		if number, ok := sig.(syscall.Signal); ok {
			first.Store(int32(number))
		}
		cancel()
	}()
	// A reader that went away must not kill us in the middle of an ADD. Handled rather than ignored, because plugin
	// processes would inherit that it is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return ctx, func() int { return int(first.Load()) }
}
