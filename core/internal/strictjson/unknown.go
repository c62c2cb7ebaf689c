package strictjson

import (
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// stranger is the first unknown key of a request, if it has one.
type stranger struct {
	fields  jsonobject.Fields // of the whole request
	unknown *fault.Error
}

func (s *stranger) note(name string, path func() string) {
	if s.unknown != nil || strings.HasPrefix(name, "x-") {
		return
	}
	at := path()
	advice := `begin its name with "x-" if it is your own, or set options.ignoreUnknown`
	if near := nearest(s.fields, at, name); near != "" {
		advice = "did you mean " + near + "?"
	}
	s.unknown = fault.InvalidRequest(at, "%s: unknown key; %s", at, advice)
}
