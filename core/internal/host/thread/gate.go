package thread

import (
	"context"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Gate is closed until it is opened, once. Who waits is blocked in the kernel, with the thread and nothing else: the
// runtime's way, by channels, wakes two other threads on the way to a goroutine that is locked to its own, as is every
// goroutine that serves a call from C. The zero value is closed.
type Gate struct{ word atomic.Uint32 }

const (
	closed  = iota
	awaited // closed, and somebody waits
	open
)

// Those of linux/futex.h; the word is of no other process.
const (
	futexWait = 0 | 128 // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
	futexWake = 1 | 128
)

// Open lets everyone through from now on.
func (g *Gate) Open() {
	if g.word.Swap(open) == awaited {
		g.wakeAll()
	}
}

func (g *Gate) isOpen() bool { return g.word.Load() == open }

// Wait returns nil once the gate is open, or the context's error if that ends first.
func (g *Gate) Wait(ctx context.Context) error {
	if g.isOpen() {
		return nil
	}
	defer context.AfterFunc(ctx, g.disturb)()
	for {
		g.word.CompareAndSwap(closed, awaited) // before the looks that follow, so that what comes after them wakes us
		if g.isOpen() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		// Returns when woken, at a signal, or at once if the word has changed.
		unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&g.word)), futexWait, awaited, 0, 0, 0)
	}
}

// disturb has everyone who waits look again.
func (g *Gate) disturb() {
	if g.word.CompareAndSwap(awaited, closed) {
		g.wakeAll()
	}
}

func (g *Gate) wakeAll() {
	const everyone = 1<<31 - 1
	unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&g.word)), futexWake, everyone, 0, 0, 0)
}
