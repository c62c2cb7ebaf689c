package drift

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

func TestVerdict(t *testing.T) {
	own := fault.Drift{Plugin: "p", Object: "link", Expected: "up", Actual: "down"}
	lease := fault.Drift{Plugin: "ipam", Object: "lease", Expected: "present", Actual: "missing"}
	broken := errors.New("broken")
	for _, c := range []struct {
		name  string
		found []fault.Drift
		ipam  error
		want  []fault.Drift
		err   error
	}{
		{"no differences", nil, nil, nil, nil},
		{"own", []fault.Drift{own}, nil, []fault.Drift{own}, nil},
		{"the IPAM plugin's", nil, fault.NewDrift([]fault.Drift{lease}), []fault.Drift{lease}, nil},
		{"both", []fault.Drift{own}, fault.NewDrift([]fault.Drift{lease}), []fault.Drift{own, lease},
			nil},
		{"the IPAM plugin fails", nil, broken, nil, broken},
		{"own, and the IPAM plugin fails", []fault.Drift{own}, broken, []fault.Drift{own,
			{Plugin: "p", Object: "ipam x", Expected: "no error", Actual: "broken"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := List{Plugin: "p", Found: c.found}
			err := list.Verdict("x", c.ipam)
			var f *fault.Error
			switch {
			case c.want == nil:
				if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
					t.Errorf("got %v, want %v", err, c.err)
				}
			case !errors.As(err, &f):
				t.Errorf("got %v", err)
			default:
				if diff := cmp.Diff(c.want, f.Drift); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// comparison finds one list after the other.
type comparison struct {
	*List
	restore func() error
}

func (c comparison) Restore(context.Context) error { return c.restore() }

func TestRepairNamesWhatIsNotMissingAnyMore(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after []string
		restores      int
		want          []string
	}{
		{"nothing is missing", nil, nil, 0, nil},
		{"all is restored, each named once", []string{"a", "b", "a"}, nil, 1, []string{"a", "b"}},
		{"one stays", []string{"a", "b"}, []string{"b"}, 1, []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lists, restores := [][]string{c.before, c.after}, 0
			compare := func(context.Context, *plugin.Invocation) (comparison, error) {
				list := &List{}
				for _, object := range lists[0] {
					list.Missing(object)
				}
				lists = lists[1:]
				return comparison{list, func() error { restores++; return nil }}, nil
			}
			var repaired []string
			inv := &plugin.Invocation{Repaired: func(object string) { repaired = append(repaired, object) }}
			if err := Repair(t.Context(), inv, compare); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, repaired); diff != "" || restores != c.restores {
				t.Errorf("%d restores; (-want +got):\n%s", restores, diff)
			}
		})
	}
}
