package strictjson

import (
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// unknownKey is the first unknown key of a request, if it has one.
type unknownKey struct {
	fields jsonobject.Fields // of the whole request
	err    *fault.Error
}

func (u *unknownKey) report(name string, path func() string) {
	if u.err != nil || strings.HasPrefix(name, "x-") {
		return
	}
	at := path()
	near := nearest(u.fields, at, name)
	at = shortened(at)
	advice := `for a key of your own use the prefix "x-", or set options.ignoreUnknown`
	if near != "" {
		advice = "did you mean " + near + "?"
	}
	u.err = fault.InvalidRequest(at, "%s: unknown key; %s", at, advice)
}

// shortened returns the beginning of a path that is too long for a message.
func shortened(path string) string {
	const most = 200
	if len(path) <= most {
		return path
	}
	return strings.ToValidUTF8(path[:most], "") + "..."
}
