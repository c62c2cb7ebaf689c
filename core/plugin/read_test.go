package plugin_test

import (
	"errors"
	"testing"

	"github.com/libcni/libcni/core/plugin"
)

// reader is a plugin that counts how often it reads its configuration.
type reader struct {
	plugin.ConfigReader
	read *int
	err  error
}

func (r reader) ReadConfig(inv *plugin.Invocation) (any, error) {
	*r.read++
	return string(inv.Config), r.err
}

func TestReadTakesWhatWasReadOnce(t *testing.T) {
	read := 0
	r, inv := reader{read: &read}, &plugin.Invocation{Config: []byte("now"), Ahead: "ahead"}
	for i, want := range []string{"ahead", "now", "now"} {
		if got, err := plugin.Read[string](r, inv); got != want || err != nil || read != i {
			t.Errorf("got %q, %v after %d reads, want %q", got, err, read, want)
		}
	}

	r.err = errors.New("refused")
	if got, err := plugin.Read[string](r, inv); got != "" || !errors.Is(err, r.err) {
		t.Errorf("got %q, %v", got, err)
	}
	r.err = nil
	if _, err := plugin.Read[int](r, inv); err == nil ||
		err.Error() != "ReadConfig returned a string, not a int" {
		t.Errorf("got %v", err)
	}
}
