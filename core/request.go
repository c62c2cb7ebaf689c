package core

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// request is what Call decodes a request into. Each type says by which keys: those of Common and its own.
type request interface {
	fields() jsonobject.Fields
	ignoreUnknown() *bool
}

func (c *Common) ignoreUnknown() *bool { return &c.Options.IgnoreUnknown }

// Values of options.onExisting.
const (
	onExistingFail    = "fail"
	onExistingReplace = "replace"
)

// anyOwner is the value of options.owner that stands for every owner.
const anyOwner = "*"

// setDefaults fills what the request left out, and refuses values that are not allowed.
func (o *RequestOptions) setDefaults() error {
	o.fillDefaults()
	return errors.Join(
		oneOf("options.builtins", string(o.Builtins), string(invoke.Prefer), string(invoke.Fallback),
			string(invoke.Only), string(invoke.Never)),
		oneOf("options.onExisting", o.OnExisting, onExistingFail, onExistingReplace),
		validMilliseconds("options.timeoutMs", o.TimeoutMs),
		validMilliseconds("options.rollbackTimeoutMs", o.RollbackTimeoutMs),
		validPath("options.confDir", o.ConfDir), validPath("options.cacheDir", o.CacheDir),
		validPath("options.stateDir", o.StateDir),
		validEnv(o.Env),
	)
}

func setDefault[T ~string](value *T, otherwise T) {
	if *value == "" {
		*value = otherwise
	}
}

func oneOf(key, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fault.InvalidRequest(key, "%s: %q is not one of %s", key, value,
		strings.Join(allowed, ", "))
}

const mostMilliseconds = math.MaxInt64 / int64(time.Millisecond) // 292 years

func validMilliseconds(key string, ms *int64) error {
	switch {
	case ms == nil:
		return nil
	case *ms < 0:
		return fault.InvalidRequest(key, "%s: %d is negative; give milliseconds, or 0 for none", key, *ms)
	case *ms > mostMilliseconds:
		return fault.InvalidRequest(key, "%s: %d is more than %d; give milliseconds, or 0 for none", key,
			*ms, mostMilliseconds)
	}
	return nil
}

func validPath(key, path string) error {
	if strings.ContainsRune(path, 0) {
		return fault.InvalidRequest(key, "%s holds a NUL character", key)
	}
	return nil
}

func validEnv(env map[string]string) error {
	for key, value := range env {
		if key == "" || strings.ContainsAny(key, "=\x00") || strings.ContainsRune(value, 0) {
			return fault.InvalidRequest("options.env", "options.env: %q: a name is not empty and has no "+
				"= in it, and neither name nor value a NUL character", key)
		}
	}
	return nil
}

// environ is the environment of plugin processes: the host's, or none, and over it the request's own.
func (o *RequestOptions) environ(host []string) []string {
	if !given(o.InheritEnv, defaultInheritEnv) {
		host = nil
	}
	env := append([]string(nil), host...)
	for key, value := range o.Env {
		env = append(env, key+"="+value)
	}
	return env
}

// milliseconds returns the duration a key holds; 0 there means none, and is returned as 0.
func milliseconds(value *int64, otherwise time.Duration) time.Duration {
	if value == nil {
		return otherwise
	}
	return time.Duration(*value) * time.Millisecond
}

// given returns the value of a key, or its default if the request leaves it out.
func given(value *bool, otherwise bool) bool {
	if value == nil {
		return otherwise
	}
	return *value
}
