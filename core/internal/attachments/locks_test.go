package attachments_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/must"
)

// soon is the time after which a lock that is held counts as held.
const soon = 20 * time.Millisecond

func briefly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	t.Cleanup(cancel)
	return ctx
}

func TestLocksHoldAcrossProcesses(t *testing.T) {
	collides := attachments.Key{Network: "web-c1", ContainerID: "eth0", IfName: "x"}
	sameFile := attachments.Key{Network: "web", ContainerID: "c1-eth0", IfName: "x"}
	for _, test := range []struct {
		name, errand string
		lock         func(ctx context.Context, s *attachments.Store) (*attachments.Held, error)
		busy         bool
	}{
		{"same attachment", "lock", lockOf(web("c1")), true},
		{"other attachment", "lock", lockOf(web("c2")), false},
		{"network of an attachment", "lock", lockOfNetwork("web"), true},
		{"other network", "lock", lockOfNetwork("db"), false},
		{"attachment of a network", "lock network", lockOf(web("c1")), true},
		{"attachment of another network", "lock network",
			lockOf(attachments.Key{Network: "db", ContainerID: "c1", IfName: "eth0"}), false},
		{"same network", "lock network", lockOfNetwork("web"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, dir := newStore(t)
			end := startOther(t, dir, test.errand)
			if test.busy {
				_, err := test.lock(briefly(t), s)
				wantFault(t, err, fault.KindBusy, syscall.EBUSY)
			} else {
				held, err := test.lock(t.Context(), s)
				must.Succeed(t, err)
				held.Unlock()
			}
			end()
			held, err := test.lock(t.Context(), s)
			must.Succeed(t, err)
			held.Unlock()
			held.Unlock()
		})
	}
	t.Run("attachments of the same file", func(t *testing.T) {
		s, _ := newStore(t)
		held, err := s.Lock(t.Context(), collides)
		must.Succeed(t, err)
		defer held.Unlock()
		_, err = s.Lock(briefly(t), sameFile)
		wantFault(t, err, fault.KindBusy, syscall.EBUSY)
	})
}

type locker func(context.Context, *attachments.Store) (*attachments.Held, error)

func lockOf(key attachments.Key) locker {
	return func(ctx context.Context, s *attachments.Store) (*attachments.Held, error) {
		return s.Lock(ctx, key)
	}
}

func lockOfNetwork(name string) locker {
	return func(ctx context.Context, s *attachments.Store) (*attachments.Held, error) {
		return s.LockNetwork(ctx, name)
	}
}

func TestCancelledWaitIsCancelledNotBusy(t *testing.T) {
	s, dir := newStore(t)
	end := startOther(t, dir, "lock")
	defer end()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(soon, cancel)
	_, err := s.Lock(ctx, web("c1"))
	wantFault(t, err, fault.KindCancelled, syscall.ECANCELED)
	ended, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	_, err = s.Lock(ended, web("c2"))
	wantFault(t, err, fault.KindTimeout, syscall.ETIMEDOUT)
}

func TestAttachmentIsLockedUnderItsNetwork(t *testing.T) {
	s, dir := newStore(t)
	network, err := s.LockNetwork(t.Context(), "web")
	must.Succeed(t, err)
	for range 2 {
		one, err := network.Attachment(t.Context(), web("c1"))
		must.Succeed(t, err)
		_, err = network.Attachment(briefly(t), web("c1"))
		wantFault(t, err, fault.KindBusy, syscall.EBUSY)
		one.Unlock()
	}
	network.Unlock()
	end := startOther(t, dir, "lock network")
	end()
}

// Two calls at a time take and release attachments without a pause. Each holds its own until the
// other has one too, or for half a second, so that without a gate there would never be a moment for
// the GC.
func TestGCIsNotStarved(t *testing.T) {
	s, _ := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var taken atomic.Int64
	for worker := range 2 {
		group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				held, err := s.Lock(t.Context(), web(fmt.Sprint(worker, "x", i)))
				if err != nil {
					t.Error(err)
					return
				}
				mine := taken.Add(1)
				for start := time.Now(); taken.Load() == mine && time.Since(start) < 500*time.Millisecond; {
					time.Sleep(100 * time.Microsecond)
				}
				held.Unlock()
			}
		})
	}
	for range 3 {
		for before := taken.Load(); taken.Load() < before+4; { // both are at work
			time.Sleep(time.Millisecond)
		}
		bounded, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		held, err := s.LockNetwork(bounded, "web")
		cancel()
		if err != nil {
			t.Error(err)
			break
		}
		held.Unlock()
	}
	cancel()
	group.Wait()
}

// Far more calls than processors, and several GCs at a time: both take turns. Calls hold their
// locks longer than others wait at the gate, so that the network would never be free if all
// overtook GCs.
func TestCallsAndGCsOfACrowdTakeTurns(t *testing.T) {
	const calls, collectors, patience = 256, 4, 60 * time.Second
	s, _ := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	var collected, served atomic.Int64
	work := func(done *atomic.Int64, hold time.Duration, lock locker) {
		group.Go(func() {
			for ctx.Err() == nil {
				bounded, cancel := context.WithTimeout(t.Context(), patience)
				held, err := lock(bounded, s)
				cancel()
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(hold)
				held.Unlock()
				done.Add(1)
			}
		})
	}
	for i := range calls {
		hold := time.Second + time.Duration(i)*6*time.Millisecond
		work(&served, hold, lockOf(web(fmt.Sprint("c", i))))
	}
	for range collectors {
		work(&collected, 100*time.Millisecond, pausing(lockOfNetwork("web")))
	}
	end := time.Now().Add(patience)
	for collected.Load() < collectors || served.Load() < 2*calls {
		if time.Now().After(end) {
			t.Errorf("in %v: %d GCs and %d calls", patience, collected.Load(), served.Load())
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	group.Wait()
}

// pausing is a caller who does something else before the next GC.
func pausing(lock locker) locker {
	return func(ctx context.Context, s *attachments.Store) (*attachments.Held, error) {
		time.Sleep(200 * time.Millisecond)
		return lock(ctx, s)
	}
}

// An ADD holds its attachment while its plugin calls back for another of the same network, and a GC
// came in between.
func TestCallBackWhileGCWaitsDoesNotDeadlock(t *testing.T) {
	s, _ := newStore(t)
	outer, err := s.Lock(t.Context(), web("c1"))
	must.Succeed(t, err)
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		held, err := s.LockNetwork(t.Context(), "web")
		held.Unlock()
		if err != nil {
			t.Error(err)
		}
	}()
	for { // until the GC stands at the gate
		held, err := s.Lock(briefly(t), web("probe"))
		held.Unlock()
		if errors.Is(err, lockfile.ErrBusy) { // not only a short time that is over
			break
		}
	}
	inner, err := s.Lock(t.Context(), web("c2")) // a deadlock lasts until the test is ended
	must.Succeed(t, err)
	select {
	case <-collected:
		t.Error("GC got the network while attachments are held")
	case <-time.After(soon):
	}
	inner.Unlock()
	outer.Unlock()
	<-collected
}

func TestLockingANetworkRemovesWhatWasHalfWritten(t *testing.T) {
	s, dir := newStore(t)
	db := attachments.Key{Network: "db", ContainerID: "c1", IfName: "eth0"}
	for _, key := range []attachments.Key{web("c1"), db} {
		must.Succeed(t, s.WriteIntent(entryOf(key)))
		must.Succeed(t, s.Commit(entryOf(key)))
		must.Succeed(t, s.WriteIntent(entryOf(key)))
	}
	intents, err := filepath.Glob(filepath.Join(dir, "state", "intents", "*"))
	must.Succeed(t, err)
	if len(intents) != 2 {
		t.Fatalf("intents: %v", intents)
	}
	for _, intent := range intents { // as a kill between writing and renaming leaves them
		must.Succeed(t, os.WriteFile(intent+".tmp", nil, 0o600))
		must.Succeed(t,
			os.WriteFile(filepath.Join(dir, "cache", "libcni", filepath.Base(intent)+".tmp"), nil,
				0o600))
	}
	if entries, errs := list(t, s); len(entries) != 2 || len(errs) != 0 {
		t.Errorf("list: %v, %v; want both, and nothing of what is half written", entries, errs)
	}
	for _, step := range []struct {
		network string
		left    int
	}{{"none", 4}, {"web", 2}} {
		held, err := s.LockNetwork(t.Context(), step.network)
		must.Succeed(t, err)
		held.Unlock()
		if found := halfWritten(t, dir); len(found) != step.left {
			t.Errorf("after locking %s: %v, want %d", step.network, found, step.left)
		}
	}
	must.Succeed(t, s.Remove(db))
	if found := halfWritten(t, dir); len(found) != 0 {
		t.Errorf("after removing the other: %v", found)
	}
	if entries, errs := list(t, s); len(entries) != 1 || len(errs) != 0 {
		t.Errorf("list: %v, %v; want the intent of web", entries, errs)
	}
}

func halfWritten(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.tmp"))
	must.Succeed(t, err)
	return found
}
