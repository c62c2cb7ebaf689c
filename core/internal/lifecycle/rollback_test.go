package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
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

// An undo that removes the host's link and then fails must not make a living namespace count as
// gone: the link proves something only if it is there when the intent is written.
func TestALinkThatTheUndoRemovedProvesNothing(t *testing.T) {
	for _, test := range []struct {
		name             string
		removed, commits bool
		want             Presence
	}{
		{"the link is there", false, false, Living},
		{"the undo removed the link", true, false, Unknown},
		{"the undo removed the link of an ADD that could not be committed", true, true, Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			link := func() string { return r.last.HostIfName }
			r.answer["a.ADD"] = func(context.Context) error {
				kittest.Run(t, "ip", "link", "add", link(), "type", "veth", "peer", "name", "peer0")
				r.made = []*types100.Interface{{Name: link()}}
				return nil
			}
			r.answer["a.DEL"] = func(context.Context) error {
				if test.removed {
					kittest.Run(t, "ip", "link", "del", link())
				}
				return errors.New("no")
			}
			request := r.request(netnstest.New(t), "a", "b")
			held := r.lock(request.Key)
			if test.commits {
				entry := filepath.Join(filepath.Dir(r.StateDir), "cache/results/web-c1-eth0")
				r.answer["b.ADD"] = func(context.Context) error {
					return os.MkdirAll(filepath.Join(entry, "full"), 0o700)
				}
			} else {
				r.answer["b.ADD"] = func(context.Context) error { return errors.New("no") }
			}
			if _, err := r.Attach(t.Context(), held, request); err == nil {
				t.Fatal("the ADD succeeded")
			}

			entry, err := held.Get()
			kittest.Must(t, err)
			if got, err := r.lookAtHostLink(t.Context(), entry); got != test.want || err != nil {
				t.Errorf("presence %d, %v, want %d", got, err, test.want)
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
