package steps

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
)

func TestAFailedStepUndoesThoseBeforeInReverse(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name       string
		partial    bool
		undoFails  bool
		wantUndone []string
	}{
		{name: "the failed step left nothing", wantUndone: []string{"b", "a"}},
		{name: "the failed step may have left something", partial: true,
			wantUndone: []string{"c", "b", "a"}},
		{name: "an undo fails too", undoFails: true, wantUndone: []string{"b", "a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var undone []string
			undo := func(name string) func(context.Context) error {
				return func(ctx context.Context) error {
					undone = append(undone, name)
					if test.undoFails && name == "b" {
						return errors.New("it resists")
					}
					return ctx.Err()
				}
			}
			good := func(context.Context) error { return nil }
			err := Run(ctx, []Step{
				{Do: good, Undo: undo("a")},
				{Do: good}, // shared objects stay
				{Do: good, Undo: undo("b")},
				{Do: func(context.Context) error { cancel(); return broken }, Undo: undo("c"),
					Partial: test.partial},
				{Do: func(context.Context) error { t.Error("it goes on after a failure"); return nil },
					Undo: undo("d")},
			})
			if diff := cmp.Diff(test.wantUndone, undone); diff != "" {
				t.Errorf("undone (-want +got):\n%s", diff)
			}
			if !errors.Is(err, broken) || errors.Is(err, fault.ErrNotUndone) != test.undoFails {
				t.Errorf("error: %v", err)
			}
		})
	}
}
