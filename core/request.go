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

// request is a decoded request. fields returns the table of its keys: those of Common and its own.
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

// Values of options.unusedCapabilities.
const (
	unusedCapabilitiesIgnore = "ignore"
	unusedCapabilitiesFail   = "fail"
)

// anyOwner is the value of options.owner that means every owner.
const anyOwner = "*"

// setDefaults sets absent options to their defaults and refuses invalid ones.
func (o *RequestOptions) setDefaults() error {
	o.fillDefaults()
	return errors.Join(
		oneOf("options.builtins", string(o.Builtins), string(invoke.Prefer), string(invoke.Fallback),
			string(invoke.Only), string(invoke.Never)),
		oneOf("options.onExisting", o.OnExisting, onExistingFail, onExistingReplace),
		oneOf("options.unusedCapabilities", o.UnusedCapabilities, unusedCapabilitiesIgnore,
			unusedCapabilitiesFail),
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

const maxMilliseconds = math.MaxInt64 / int64(time.Millisecond) // 292 years

func validMilliseconds(key string, ms *int64) error {
	switch {
	case ms == nil:
		return nil
	case *ms < 0:
		return fault.InvalidRequest(key, "%s: %d is negative; use milliseconds, or 0 for no limit",
			key, *ms)
	case *ms > maxMilliseconds:
		return fault.InvalidRequest(key, "%s: %d is more than %d; use milliseconds, or 0 for no limit",
			key, *ms, maxMilliseconds)
	}
	return nil
}

func validPath(key, path string) error {
	if strings.ContainsRune(path, 0) {
		return fault.InvalidRequest(key, "%s contains a NUL character", key)
	}
	return nil
}

func validEnv(env map[string]string) error {
	for key, value := range env {
		if key == "" || strings.ContainsAny(key, "=\x00") || strings.ContainsRune(value, 0) {
			return fault.InvalidRequest("options.env", "options.env: invalid variable %q: the name must "+
				"be non-empty without \"=\", and neither name nor value may contain NUL", key)
		}
	}
	return nil
}

// environ returns the environment of plugin processes: the host's unless options.inheritEnv is
// false, and then options.env, which overrides it.
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

// milliseconds returns the duration in a key, or its default. 0 means no limit.
func milliseconds(value *int64, otherwise time.Duration) time.Duration {
	if value == nil {
		return otherwise
	}
	return time.Duration(*value) * time.Millisecond
}

// given returns the value of a key, or its default if it is absent.
func given(value *bool, otherwise bool) bool {
	if value == nil {
		return otherwise
	}
	return *value
}
