// Package steps runs the steps of an ADD, and takes back those done before one that fails.
package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/undo"
)

// Step is one change, with what takes it back. A step that makes objects shared with other
// containers has no undo: these objects stay.
type Step struct {
	Do   func(context.Context) error
	Undo func(context.Context) error // nil: there is nothing to take back
	// Partial: Do may leave something behind when it fails, so that Undo runs then too.
	Partial bool
}

// Run does the steps in order. If one fails, it undoes those before it in reverse order and returns
// the step's error, joined with fault.ErrNotUndone if an undo failed.
func Run(ctx context.Context, list []Step) error {
	for i, s := range list {
		err := s.Do(ctx)
		if err == nil {
			continue
		}
		done := list[:i]
		if s.Partial {
			done = list[:i+1]
		}
		return errors.Join(err, Undo(ctx, done...))
	}
	return nil
}

// Undo takes back steps that were done, the last one first. It ignores the end of ctx and ends with
// the call's budget for undoing. Its error does not wrap those of the undos, because the error that
// caused the undo tells what failed.
func Undo(ctx context.Context, done ...Step) error {
	ctx, cancel := undo.Begin(ctx)
	defer cancel()
	done = slices.DeleteFunc(slices.Clone(done), func(s Step) bool { return s.Undo == nil })
	var failed error
	for i := len(done) - 1; i >= 0; i-- {
		if err := done[i].undo(ctx, i); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%w: %v", fault.ErrNotUndone, err))
		}
	}
	return failed
}

// undo takes back one step and leaves time for the others that follow.
func (s Step) undo(ctx context.Context, others int) error {
	ctx, cancel := undo.Share(ctx, others)
	defer cancel()
	return s.Undo(ctx)
}
