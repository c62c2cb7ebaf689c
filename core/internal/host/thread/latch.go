package thread

import (
	"context"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Latch is closed until Open is called, once. The zero value is closed. It is safe for concurrent
// use.
//
// Wait blocks the thread in a futex. A channel would be slower here: a goroutine that serves a call
// from C is locked to its thread, and the Go scheduler wakes two other threads before it runs one.
type Latch struct{ word atomic.Uint32 }

const (
	closed  = iota
	awaited // closed, with at least one waiter
	open
)

// Operations of futex(2) on memory that no other process shares.
const (
	futexWait = 0 | 128 // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
	futexWake = 1 | 128 // FUTEX_WAKE | FUTEX_PRIVATE_FLAG
)

// Open releases all present and future waiters.
func (l *Latch) Open() {
	if l.word.Swap(open) == awaited {
		l.wakeAll()
	}
}

func (l *Latch) isOpen() bool { return l.word.Load() == open }

// Wait returns nil once the latch is open, or the context's error if the context ends first.
func (l *Latch) Wait(ctx context.Context) error {
	if l.isOpen() {
		return nil
	}

	defer context.AfterFunc(ctx, l.interrupt)()
	for {
		// Announce the waiter before the checks, so that a change after them wakes it.
		l.word.CompareAndSwap(closed, awaited)
		if l.isOpen() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}

		// Returns after a wake-up or a signal, and immediately if the word has changed.
		_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&l.word)), futexWait, awaited, 0,
			0, 0)
	}
}

// interrupt makes every waiter check its context.
func (l *Latch) interrupt() {
	if l.word.CompareAndSwap(awaited, closed) {
		l.wakeAll()
	}
}

func (l *Latch) wakeAll() {
	const everyone = 1<<31 - 1
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&l.word)), futexWake, everyone, 0,
		0, 0)
}
