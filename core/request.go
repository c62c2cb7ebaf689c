package core

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// Common holds the keys that every verb accepts. cni.h is their manual.
type Common struct {
	Network        jsontext.Value            `json:"network"` // an object, or the name of a network
	NetworkFile    string                    `json:"networkFile"`
	ContainerID    string                    `json:"containerId"`
	IfName         string                    `json:"ifName"`
	Netns          string                    `json:"netns"`
	Args           Args                      `json:"args"`
	CapabilityArgs map[string]jsontext.Value `json:"capabilityArgs"`
	RequestID      string                    `json:"requestId"`
	Options        RequestOptions            `json:"options"`
}

// request is what Call decodes a request into. Each type says by which keys: those of Common and its own.
type request interface {
	fields() jsonobject.Fields
	ignoreUnknown() *bool
}

func (c *Common) fields() jsonobject.Fields {
	return jsonobject.Fields{
		{"network", &c.Network}, {"networkFile", &c.NetworkFile}, {"containerId", &c.ContainerID}, {"ifName", &c.IfName},
		{"netns", &c.Netns}, {"args", c.Args.read}, {"capabilityArgs", &c.CapabilityArgs}, {"requestId", &c.RequestID},
		{"options", c.Options.fields()},
	}
}

// with returns the keys of Common and these.
func (c *Common) with(own ...jsonobject.Field) jsonobject.Fields { return append(c.fields(), own...) }

func (c *Common) ignoreUnknown() *bool { return &c.Options.IgnoreUnknown }

// RequestOptions is the options object of a request.
type RequestOptions struct {
	ConfDir           string            `json:"confDir"`
	PluginDirs        []string          `json:"pluginDirs"`
	CacheDir          string            `json:"cacheDir"`
	StateDir          string            `json:"stateDir"`
	Owner             string            `json:"owner"`
	Builtins          invoke.Builtins   `json:"builtins"`
	OnExisting        string            `json:"onExisting"`
	TimeoutMs         *int64            `json:"timeoutMs"`
	RollbackTimeoutMs *int64            `json:"rollbackTimeoutMs"`
	Env               map[string]string `json:"env"`
	InheritEnv        *bool             `json:"inheritEnv"`
	Rollback          *bool             `json:"rollback"`
	IgnoreUnknown     bool              `json:"ignoreUnknown"`
	VolumePluginDirs  []string          `json:"volumePluginDirs"`
	VolumePlugins     map[string]string `json:"volumePlugins"` // name to address, or to the path of a socket
	VolumeRetryMs     *int64            `json:"volumeRetryMs"`
	VolumeReload      bool              `json:"volumeReload"`
	VolumeTimeouts    VolumeTimeouts    `json:"volumeTimeouts"`
}

func (o *RequestOptions) fields() jsonobject.Fields {
	return jsonobject.Fields{
		{"confDir", &o.ConfDir}, {"pluginDirs", &o.PluginDirs}, {"cacheDir", &o.CacheDir}, {"stateDir", &o.StateDir},
		{"owner", &o.Owner}, {"builtins", (*string)(&o.Builtins)}, {"onExisting", &o.OnExisting}, {"timeoutMs", &o.TimeoutMs},
		{"rollbackTimeoutMs", &o.RollbackTimeoutMs}, {"env", &o.Env}, {"inheritEnv", &o.InheritEnv}, {"rollback", &o.Rollback},
		{"ignoreUnknown", &o.IgnoreUnknown}, {"volumePluginDirs", &o.VolumePluginDirs}, {"volumePlugins", &o.VolumePlugins},
		{"volumeRetryMs", &o.VolumeRetryMs}, {"volumeReload", &o.VolumeReload}, {"volumeTimeouts", o.VolumeTimeouts.fields()},
	}
}

// Values of options.onExisting.
const (
	onExistingFail    = "fail"
	onExistingReplace = "replace"
)

const (
	defaultTimeout         = 60 * time.Second
	defaultRollbackTimeout = 10 * time.Second
	defaultIfName          = "eth0"
	defaultOwner           = "libcni"
	anyOwner               = "*"
)

// setDefaults fills what the request left out, and refuses values that are not allowed.
func (o *RequestOptions) setDefaults() error {
	setDefault(&o.ConfDir, "/etc/cni/net.d")
	setDefault(&o.CacheDir, "/var/lib/cni")
	setDefault(&o.StateDir, "/run/cni")
	setDefault(&o.Owner, defaultOwner)
	setDefault(&o.Builtins, invoke.Prefer)
	setDefault(&o.OnExisting, onExistingFail)
	if o.PluginDirs == nil {
		o.PluginDirs = []string{"/opt/cni/bin", "/usr/libexec/cni", "/usr/lib/cni"}
	}
	return errors.Join(
		oneOf("options.builtins", string(o.Builtins), string(invoke.Prefer), string(invoke.Fallback), string(invoke.Only), string(invoke.Never)),
		oneOf("options.onExisting", o.OnExisting, onExistingFail, onExistingReplace),
		validMilliseconds("options.timeoutMs", o.TimeoutMs),
		validMilliseconds("options.rollbackTimeoutMs", o.RollbackTimeoutMs),
		validPath("options.confDir", o.ConfDir), validPath("options.cacheDir", o.CacheDir), validPath("options.stateDir", o.StateDir),
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
	return fault.InvalidRequest(key, "%s: %q is not one of %s", key, value, strings.Join(allowed, ", "))
}

const mostMilliseconds = math.MaxInt64 / int64(time.Millisecond) // 292 years

func validMilliseconds(key string, ms *int64) error {
	switch {
	case ms == nil:
		return nil
	case *ms < 0:
		return fault.InvalidRequest(key, "%s: %d is negative; give milliseconds, or 0 for none", key, *ms)
	case *ms > mostMilliseconds:
		return fault.InvalidRequest(key, "%s: %d is more than %d; give milliseconds, or 0 for none", key, *ms, mostMilliseconds)
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
			return fault.InvalidRequest("options.env", "options.env: %q: a name is not empty and has no = in it, and neither name nor value a NUL character", key)
		}
	}
	return nil
}

// environ is the environment of plugin processes: the host's, or none, and over it the request's own.
func (o *RequestOptions) environ(host []string) []string {
	if o.InheritEnv != nil && !*o.InheritEnv {
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
