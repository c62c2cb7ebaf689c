// Package drift collects the differences that a CHECK finds, and reports what a repair has put
// back.
package drift

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

// List is a CHECK in progress: it collects all differences.
type List struct {
	Plugin string // the plugin's type
	Found  []fault.Drift
}

// Differs adds a difference if the two are not the same.
func (l *List) Differs(object, expected, actual string) {
	if expected != actual {
		l.Found = append(l.Found, fault.Drift{Plugin: l.Plugin, Object: object, Expected: expected,
			Actual: actual})
	}
}

// Is adds a difference if a condition does not hold.
func (l *List) Is(holds bool, object, expected, actual string) {
	if !holds {
		l.Differs(object, expected, actual)
	}
}

// Missing adds an object that is not there.
func (l *List) Missing(object string) { l.Differs(object, "present", "missing") }

// Up adds a link that is down.
func (l *List) Up(object string, link *rtnl.Link) { l.Is(link.Up, object, "up", "down") }

// Add adds differences that something else found, as the plugin's.
func (l *List) Add(found []fault.Drift) {
	for _, d := range found {
		l.Differs(d.Object, d.Expected, d.Actual)
	}
}

// Verdict returns the error of the CHECK, nil if there are no differences. ipam is the error of the
// IPAM plugin, whose differences are added.
func (l *List) Verdict(pluginType string, ipam error) error {
	var f *fault.Error
	switch {
	case ipam == nil:
	case errors.As(ipam, &f) && f.Kind == fault.KindDrift:
		l.Found = append(l.Found, f.Drift...)
	case len(l.Found) == 0:
		return ipam
	default:
		l.Differs("ipam "+pluginType, "no error", ipam.Error())
	}
	return fault.NewDrift(l.Found)
}

// objects names each object once.
func (l *List) objects() (names []string, known map[string]bool) {
	known = map[string]bool{}
	for _, d := range l.Found {
		if !known[d.Object] {
			known[d.Object] = true
			names = append(names, d.Object)
		}
	}
	return names, known
}

// Comparison is a CHECK that can restore what it found missing on the host's side.
type Comparison interface {
	Differences() *List
	Restore(context.Context) error
}

// Differences returns the list.
func (l *List) Differences() *List { return l }

// Repair compares, restores if there are differences, compares again, and calls inv.Repaired with
// each object that is not missing any more.
func Repair[C Comparison](ctx context.Context, inv *plugin.Invocation,
	compare func(context.Context, *plugin.Invocation) (C, error)) error {
	before, err := compare(ctx, inv)
	if err != nil || len(before.Differences().Found) == 0 {
		return err
	}
	if err := before.Restore(ctx); err != nil {
		return err
	}
	after, err := compare(ctx, inv)
	if err != nil {
		return err
	}
	_, remaining := after.Differences().objects()
	missing, _ := before.Differences().objects()
	for _, object := range missing {
		if !remaining[object] {
			inv.Repaired(object)
		}
	}
	return nil
}
