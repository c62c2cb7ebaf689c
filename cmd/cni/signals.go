package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// interruptible returns a context that the first SIGINT or SIGTERM cancels, so that an ADD in
// progress is undone. The second signal has its default disposition and kills the process. caught
// returns the number of the first signal, or 0.
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
	// SIGPIPE must not kill the process during an ADD. It is handled and not ignored, because plugin
	// processes would inherit an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return ctx, func() int { return int(first.Load()) }
}
