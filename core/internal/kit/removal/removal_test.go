package removal

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// recorded makes a Removal that writes down what it does; the step named broken fails.
func recorded(needsLink, rulesLast bool, broken string) (removal For, done *[]string) {
	done = &[]string{}
	do := func(name string) error {
		*done = append(*done, name)
		if name == broken {
			return errors.New(broken)
		}
		return nil
	}
	return func(inv *plugin.Invocation) (*Removal, error) {
		inv.TraitsOf = func(string) plugin.Traits { return plugin.Traits{NeedsLink: needsLink} }
		inv.Delegate = func(context.Context, string, string, []byte) (*plugin.Result, error) {
			return nil, do("ipam")
		}
		return &Removal{
			IPAM: ipam.New(inv, "x"), RulesLast: rulesLast,
			Link: func(context.Context) (func(context.Context) error, error) {
				return func(context.Context) error { return do("wait") }, do("link")
			},
			Rules: someRules(do),
			Rest:  func(context.Context) error { return do("rest") },
		}, nil
	}, done
}

type someRules func(string) error

func (do someRules) Remove(context.Context) error { return do("rules") }
func (do someRules) Show(context.Context) error   { return do("show") }

func TestOrderOfADel(t *testing.T) {
	for _, c := range []struct {
		name                 string
		needsLink, rulesLast bool
		broken               string
		want                 []string
	}{
		{"rules while the interface is removed", false, false, "", []string{"link", "rules", "wait",
			"rest", "ipam"}},
		{"rules that restrict stay", false, true, "", []string{"link", "wait", "rules", "rest", "ipam"}},
		{"an IPAM plugin that needs the interface", true, false, "", []string{"ipam", "link", "rules",
			"wait", "rest"}},
		{"the interface stays", false, true, "wait", []string{"link", "wait"}},
		{"the rules stay", false, false, "rules", []string{"link", "rules", "wait"}},
		{"the interface cannot be found", false, false, "link", []string{"link"}},
		{"the IPAM plugin that needs the interface fails", true, false, "ipam", []string{"ipam"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			removal, done := recorded(c.needsLink, c.rulesLast, c.broken)
			err := Run(t.Context(), &plugin.Invocation{}, removal)
			if diff := cmp.Diff(c.want, *done); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (err != nil) != (c.broken != "") {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func TestStart(t *testing.T) {
	for _, c := range []struct {
		name      string
		needsLink bool
		broken    string
		started   bool
	}{
		{"the interface is first", false, "", true},
		{"the IPAM plugin is first", true, "", false},
		{"the interface cannot be found", false, "link", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			removal, done := recorded(c.needsLink, false, c.broken)
			started := Start(t.Context(), &plugin.Invocation{}, removal)
			if (started != nil) != c.started {
				t.Fatalf("started: %v", started)
			}
			if started == nil {
				return
			}
			started.Abandon(t.Context())
			if diff := cmp.Diff([]string{"link", "wait"}, *done); diff != "" {
				t.Errorf("abandoned (-want +got):\n%s", diff)
			}
		})
	}
}
