package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/undo"
)

func TestRollBackIncludesThePluginThatMayHaveLeftSomething(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func(context.Context) error
		want string
	}{
		{"a built-in has undone its own steps", func(context.Context) error { return errors.New("no") },
			"a.ADD b.ADD c.ADD b.DEL a.DEL"},
		{"a built-in reports that it could not undo",
			func(context.Context) error { return fmt.Errorf("no: %w", fault.ErrNotUndone) },
			"a.ADD b.ADD c.ADD c.DEL b.DEL a.DEL"},
		{"a built-in panics", func(context.Context) error { panic("no") },
			"a.ADD b.ADD c.ADD c.DEL b.DEL a.DEL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.answer["c.ADD"] = test.fail
			request := r.request(netnstest.New(t), "a", "b", "c")
			held := r.lock(request.Key)
			_, err := r.Attach(t.Context(), held, request)
			e := fault.From(err, fault.KindState)
			if e == nil || e.RolledBack == nil || !*e.RolledBack {
				t.Errorf("error %+v, want one that is rolled back", e)
			}
			if got := r.commands(); got != test.want {
				t.Errorf("ran %s, want %s", got, test.want)
			}
			if entry, err := held.Get(); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("left behind: %+v, %v", entry, err)
			}
		})
	}
}

func TestIntentStaysIfTheUndoFailsOrIsNotWanted(t *testing.T) {
	for _, test := range []struct {
		name       string
		noRollback bool
		details    string
		want       string
	}{
		{"an undo that fails goes on with the others", false, "the undo failed",
			"a.ADD b.ADD c.ADD b.DEL a.DEL"},
		{"no undo", true, "", "a.ADD b.ADD c.ADD"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			fail := func(context.Context) error { return errors.New("no") }
			r.answer["c.ADD"], r.answer["b.DEL"] = fail, fail
			request := r.request(netnstest.New(t), "a", "b", "c")
			request.NoRollback = test.noRollback
			held := r.lock(request.Key)
			_, err := r.Attach(t.Context(), held, request)
			e := fault.From(err, fault.KindState)
			if e == nil || e.RolledBack == nil || *e.RolledBack ||
				!strings.HasPrefix(e.Details, test.details) {
				t.Errorf("error %+v, want one that is not rolled back, with details %q", e, test.details)
			}
			if got := r.commands(); got != test.want {
				t.Errorf("ran %s, want %s", got, test.want)
			}
			if entry, err := held.Get(); err != nil || !entry.Incomplete {
				t.Errorf("entry %+v, %v; want an incomplete one", entry, err)
			}
		})
	}
}

func TestUndoOutlivesTheRequest(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	var undone context.Context
	r.answer["b.ADD"] = func(ctx context.Context) error { cancel(); return ctx.Err() }
	r.answer["a.DEL"] = func(ctx context.Context) error { undone = ctx; return ctx.Err() }
	request := r.request(netnstest.New(t), "a", "b")
	ctx = undo.With(ctx, time.Hour)
	_, err := r.Attach(ctx, r.lock(request.Key), request)
	if e := fault.From(err, fault.KindState); e == nil || e.Kind != fault.KindCancelled ||
		!*e.RolledBack {
		t.Errorf("error %+v, want a cancelled call that is rolled back", e)
	}
	if _, bounded := undone.Deadline(); !bounded {
		t.Error("the undo has no deadline")
	}
}
