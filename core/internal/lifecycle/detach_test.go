package lifecycle

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

func TestConfigurationToDetachKeepsLostPlugins(t *testing.T) {
	m := &Manager{ConfDir: t.TempDir()}
	for _, test := range []struct {
		name            string
		recorded, given []string
		want            string
	}{
		{"the same", []string{"a", "b"}, []string{"a", "b"}, "a b"},
		{"nothing given", []string{"a", "b"}, nil, "a b"},
		{"one was removed", []string{"a", "b", "c"}, []string{"a", "c"}, "a c b"},
		{"one was added", []string{"a"}, []string{"a", "b"}, "a b"},
		{"nothing recorded", nil, []string{"a"}, "a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			entry := &attachments.Entry{Key: attachments.Key{Network: "web"}}
			if test.recorded != nil {
				entry.Config = network(t, test.recorded...).Raw
			}
			overrides := Overrides{}
			if test.given != nil {
				overrides.Config = network(t, test.given...)
			}
			list, err := m.configurationToDetach(entry, overrides.Config)
			kittest.Must(t, err)
			var types []string
			for _, p := range list.Plugins {
				types = append(types, p.Type)
			}
			if got := strings.Join(types, " "); got != test.want {
				t.Errorf("plugins %s, want %s", got, test.want)
			}
			if test.given != nil && len(overrides.Config.Plugins) != len(test.given) {
				t.Error("the given configuration was changed")
			}
		})
	}
}

func TestDetachKeepsTheEntryUnlessAllPluginsSucceedOrItIsForced(t *testing.T) {
	for _, test := range []struct {
		name  string
		force bool
		want  string
		kept  bool
	}{
		{"stops at the failing plugin", false, "c.DEL b.DEL", true},
		{"forced", true, "c.DEL b.DEL a.DEL", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			path := netnstest.New(t)
			request := r.request(path, "a", "b", "c")
			held := r.lock(request.Key)
			_, err := r.Attach(t.Context(), held, request)
			kittest.Must(t, err)
			r.commands()
			r.answer["b.DEL"] = func(context.Context) error { return errors.New("no") }
			entry, err := held.Get()
			kittest.Must(t, err)
			if err := r.Detach(t.Context(), held, entry, &Overrides{}, test.force); err == nil {
				t.Error("the failure of b is not reported")
			}
			if got := r.commands(); got != test.want {
				t.Errorf("ran %s, want %s", got, test.want)
			}
			if _, err := held.Get(); errors.Is(err, fs.ErrNotExist) == test.kept {
				t.Errorf("entry kept: %v, want %v", !test.kept, test.kept)
			}
		})
	}
}

func TestOverridesTakePrecedenceWithoutChangingTheEntry(t *testing.T) {
	r := newRig(t)
	entry := r.entry(netnstest.New(t))
	entry.Args = [][2]string{{"K", "recorded"}}
	overrides := &Overrides{Netns: Candidate{Path: entry.Netns}, Args: [][2]string{{"K", "given"}}}
	kittest.Must(t, r.Check(t.Context(), entry, overrides, &Findings{}))
	if got, _ := r.last.Args.Get("K"); got != "given" {
		t.Errorf("the plugin was given %q", got)
	}
	if got, _ := entry.Args.Get("K"); got != "recorded" {
		t.Errorf("the entry was changed to %q", got)
	}
}

func TestDelKnowsOfAnotherConfiguration(t *testing.T) {
	const config = `{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"bridge"}]}`
	list, err := conf.Parse([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	for recorded, want := range map[string]bool{"": false, config: false, config + " ": true} {
		c := &chain{list: list, entry: &attachments.Entry{Config: []byte(recorded)}}
		if got := c.isReconfigured(); got != want {
			t.Errorf("recorded %q: %v", recorded, got)
		}
	}
}
