package lifecycle

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// Each built-in reads its configuration once: those after the first before the first makes a thing.
func TestAnAddReadsEachConfigurationOnce(t *testing.T) {
	r := newRig(t)
	request := r.request(netnstest.New(t), "a", "b", "b", "c")
	readBeforeAdd := -1
	r.answer["a.ADD"] = func(context.Context) error {
		readBeforeAdd = len(r.read)
		return nil
	}
	if _, err := r.Attach(t.Context(), r.lock(request.Key), request); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "b", "c", "a"}, r.read); diff != "" || readBeforeAdd != 4 {
		t.Errorf("read %d before the first ADD; (-want +got):\n%s", readBeforeAdd, diff)
	}
}

func TestNothingIsMadeIfALaterConfigurationIsRefused(t *testing.T) {
	r := newRig(t)
	request := r.request(netnstest.New(t), "a", "b")
	refused := errors.New("refused")
	r.answer["b."+plugin.Validate] = func(context.Context) error { return refused }
	_, err := r.Attach(t.Context(), r.lock(request.Key), request)
	if e := fault.From(err, fault.KindState); e == nil || e.Plugin == nil || e.Plugin.Index != 1 {
		t.Errorf("got %v", err)
	}
	if ran := r.commands(); ran != "" {
		t.Errorf("ran %s", ran)
	}
}

// After a change of the version, what was read of the former configuration is not used.
func TestAnotherVersionIsReadAgain(t *testing.T) {
	r := newRig(t)
	entry := r.entry(netnstest.New(t))
	c := r.newChain(network(t, "a", "b"), entry, nil)
	defer c.close()
	for _, version := range []string{"1.1.0", "1.0.0"} {
		entry.CNIVersion = "1.1.0"
		kittest.Must(t, c.validate(t.Context()))
		entry.CNIVersion = version
		if _, err := c.add(t.Context(), 1, nil); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"b", "b", "b"}, r.read); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
