package attachments_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/must"
)

// hold locks an attachment until the test ends.
func hold(t *testing.T, s *attachments.Store, key attachments.Key) *attachments.Held {
	t.Helper()
	h, err := s.Lock(t.Context(), key)
	must.Succeed(t, err)
	t.Cleanup(h.Unlock)
	return h
}

// onlyIntent returns the path of the one intent.
func onlyIntent(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "state", "intents", "*"))
	must.Succeed(t, err)
	if len(found) != 1 {
		t.Fatalf("intents: %v, want one", found)
	}
	return found[0]
}

func TestHeldAttachmentComesAndGoes(t *testing.T) {
	s, dir := newStore(t)
	for range 2 {
		h := hold(t, s, web("c1"))
		if _, err := h.Get(); err == nil {
			t.Fatal("there is an attachment")
		}
		want := entry("c1")
		must.Succeed(t, h.WriteIntent(want))
		want.Incomplete = true
		got, err := s.Get(web("c1"))
		must.Succeed(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("intent (-want +got)\n%s", diff)
		}
		must.Succeed(t, s.Commit(entry("c1")))
		h.Unlock()
		h = hold(t, s, web("c1"))
		got, err = h.Get()
		must.Succeed(t, err)
		if diff := cmp.Diff(entry("c1"), got); diff != "" {
			t.Errorf("entry (-want +got)\n%s", diff)
		}
		must.Succeed(t, h.Remove())
		must.Succeed(t, h.Remove())
		wantNothing(t, dir)
		h.Unlock()
	}
}

// What comes between Get and the next step, which takes no lock, is found by it.
func TestChangeBesideTheLockIsSeen(t *testing.T) {
	collides := attachments.Key{Network: "web-c1", ContainerID: "x", IfName: "eth0"}
	ours := attachments.Key{Network: "web", ContainerID: "c1-x", IfName: "eth0"}
	t.Run("another's entry before the intent", func(t *testing.T) {
		s, _ := newStore(t)
		must.Succeed(t, s.Commit(entryOf(collides)))
		h := hold(t, s, ours)
		_, err := h.Get()
		if err == nil {
			t.Fatal("there is an attachment")
		}
		wantFault(t, h.WriteIntent(entryOf(ours)), fault.KindInvalidRequest, syscall.EINVAL)
	})
	t.Run("another's entry before the commit", func(t *testing.T) {
		s, dir := newStore(t)
		h := hold(t, s, ours)
		_, _ = h.Get()
		must.Succeed(t, h.WriteIntent(entryOf(ours)))
		must.Succeed(t, s.Commit(entryOf(collides)))
		before := files(t, dir)
		wantFault(t, s.Commit(entryOf(ours)), fault.KindInvalidRequest, syscall.EINVAL)
		if diff := cmp.Diff(before, files(t, dir)); diff != "" {
			t.Errorf("files (-want +got)\n%s", diff)
		}
		must.Succeed(t, h.Remove())
		if _, err := s.Get(collides); err != nil {
			t.Errorf("the other's entry: %v", err)
		}
	})
	t.Run("another's entry before the removal", func(t *testing.T) {
		s, _ := newStore(t)
		must.Succeed(t, s.Commit(entryOf(ours)))
		h := hold(t, s, ours)
		_, err := h.Get()
		must.Succeed(t, err)
		must.Succeed(t, s.Remove(ours))
		must.Succeed(t, s.Commit(entryOf(collides)))
		must.Succeed(t, h.Remove())
		if _, err := s.Get(collides); err != nil {
			t.Errorf("the other's entry: %v", err)
		}
	})
	t.Run("longer entry before the removal", func(t *testing.T) {
		s, dir := newStore(t)
		must.Succeed(t, s.Commit(entryOf(ours)))
		h := hold(t, s, ours)
		_, err := h.Get()
		must.Succeed(t, err)
		longer := entryOf(ours)
		longer.Owner = strings.Repeat("x", 100)
		must.Succeed(t, s.Commit(longer))
		must.Succeed(t, h.Remove())
		wantNothing(t, dir)
	})
	t.Run("intent that is there though none was", func(t *testing.T) {
		s, _ := newStore(t)
		h := hold(t, s, web("c1"))
		_, _ = h.Get()
		must.Succeed(t, s.WriteIntent(entry("c1")))
		changed := entry("c1")
		changed.Owner = "other"
		must.Succeed(t, h.WriteIntent(changed))
		if got, err := s.Get(web("c1")); err != nil || got.Owner != "other" {
			t.Errorf("got %+v, %v; want the second intent", got, err)
		}
	})
}

func TestRemovalWithAnIntentLeavesNeither(t *testing.T) {
	s, dir := newStore(t)
	must.Succeed(t, s.Commit(entry("c1")))
	must.Succeed(t, s.WriteIntent(entry("c1")))
	intent := onlyIntent(t, dir)
	for _, torn := range []bool{false, true} {
		if torn {
			must.Succeed(t, s.Commit(entry("c1")))
			must.Succeed(t, os.WriteFile(intent, []byte(`{"kind":"cni`), 0o600))
		}
		h := hold(t, s, web("c1"))
		_, err := h.Get()
		must.Succeed(t, err)
		must.Succeed(t, h.Remove())
		h.Unlock()
		wantNothing(t, dir)
	}
}

// A process that was killed while it wrote the first intent of an attachment has made nothing.
func TestTornIntentIsNoneAndGoes(t *testing.T) {
	for _, ends := range []string{"ADD", "DEL", "GC"} {
		t.Run(ends, func(t *testing.T) {
			s, dir := newStore(t)
			h := hold(t, s, web("c1"))
			_, _ = h.Get()
			must.Succeed(t, h.WriteIntent(entry("c1")))
			intent := onlyIntent(t, dir)
			h.Unlock()
			text, err := os.ReadFile(intent)
			must.Succeed(t, err)
			for _, length := range []int{0, 1, len(text) / 2, len(text) - 1} {
				must.Succeed(t, os.WriteFile(intent, text[:length], 0o600))
				wantNone(t, s, web("c1"))
				switch ends {
				case "ADD":
					h := hold(t, s, web("c1"))
					_, _ = h.Get()
					must.Succeed(t, h.WriteIntent(entry("c1")))
					must.Succeed(t, s.Commit(entry("c1")))
					_, err := h.Get()
					must.Succeed(t, err)
					must.Succeed(t, h.Remove())
					h.Unlock()
				case "DEL":
					h := hold(t, s, web("c1"))
					_, _ = h.Get()
					must.Succeed(t, h.Remove())
					h.Unlock()
				case "GC":
					other, err := s.LockNetwork(t.Context(), "db")
					must.Succeed(t, err)
					other.Unlock()
					onlyIntent(t, dir)
					h, err := s.LockNetwork(t.Context(), "web")
					must.Succeed(t, err)
					h.Unlock()
				}
				wantNothing(t, dir)
			}
		})
	}
}
