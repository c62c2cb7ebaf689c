package invoke

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// Versions asks which versions of the specification a plugin supports. A plugin that is older than
// the VERSION command supports 0.1.0.
func (r *Runner) Versions(ctx context.Context, t Target) ([]string, error) {
	if t.Builtin {
		if !r.Usable(t) {
			return nil, fault.New(fault.KindPluginNotFound, nil, "plugin %s: not built in", t.Type)
		}

		return spec.Versions(), nil
	}

	current := spec.Highest(spec.Versions())
	inv := &plugin.Invocation{
		Command: plugin.Version, CNIVersion: current, Config: []byte(`{"cniVersion":"` + current + `"}`),
	}

	got, err := r.exec(ctx, t, inv)
	if err != nil {
		return nil, describe(err, t, got.stderr)
	}

	versions, err := interpretVersions(t, got)
	if err != nil {
		return nil, describe(err, t, got.stderr)
	}

	return versions, nil
}

func interpretVersions(t Target, got answer) ([]string, error) {
	if !got.status.Success() && (got.status.Known || isErrorObject(got.stdout)) {
		err := failure(t, got)
		if predatesVersion(err, got) {
			return []string{"0.1.0"}, nil
		}

		return nil, err
	}

	var info struct {
		CNIVersion        string   `json:"cniVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	}

	if err := json.Unmarshal(got.stdout, &info); err != nil {
		return nil, fault.New(fault.KindPluginProtocol, err, "%s: malformed answer to VERSION (%s)", t,
			quote(got.stdout))
	}

	if len(info.SupportedVersions) == 0 && info.CNIVersion == "0.2.0" {
		// The first version with this command did not require the list.
		return []string{info.CNIVersion}, nil
	}
	if len(info.SupportedVersions) == 0 {
		return nil, fault.New(fault.KindPluginProtocol, nil,
			"%s: answer to VERSION without supportedVersions (%s)", t, quote(got.stdout))
	}

	for _, supported := range info.SupportedVersions {
		if !isVersion(supported) {
			return nil, fault.New(fault.KindPluginProtocol, nil,
				"%s: answer to VERSION: %q is not a version", t, supported)
		}
	}

	return info.SupportedVersions, nil
}

// isVersion reports whether a text is three numbers separated by dots.
func isVersion(text string) bool {
	parts := strings.Split(text, ".")
	for _, part := range parts {
		if _, err := strconv.ParseUint(part, 10, 30); err != nil {
			return false
		}
	}
	return len(parts) == 3
}

// predatesVersion recognizes the message with which plugins of specification 0.1.0 refuse the
// command.
func predatesVersion(err error, got answer) bool {
	const refusal = "unknown CNI_COMMAND: VERSION"
	var e *fault.Error
	return errors.As(err, &e) && (strings.Contains(e.Msg, refusal) ||
		strings.Contains(got.stderr, refusal))
}
