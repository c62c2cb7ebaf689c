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
		CNIVersion        string            `json:"cniVersion"`
		SupportedVersions []json.RawMessage `json:"supportedVersions"`
	}

	if err := json.Unmarshal(got.stdout, &info); err != nil {
		return nil, fault.New(fault.KindPluginProtocol, nil, "%s: malformed answer to VERSION (%s): %s",
			t, quote(got.stdout), fault.Excerpt(err.Error()))
	}

	if len(info.SupportedVersions) == 0 && info.CNIVersion == "0.2.0" {
		// The first version with this command did not require the list.
		return []string{info.CNIVersion}, nil
	}

	versions := versionsOf(info.SupportedVersions)
	if len(versions) == 0 {
		return nil, fault.New(fault.KindPluginProtocol, nil,
			"%s: answer to VERSION without a version in supportedVersions (%s)", t, quote(got.stdout))
	}
	return versions, nil
}

// versionsOf returns the elements of a list that are versions. A plugin that lists a release
// candidate, too, can still be used with the others.
func versionsOf(list []json.RawMessage) (versions []string) {
	for _, element := range list {
		var text string
		if json.Unmarshal(element, &text) == nil && isVersion(text) {
			versions = append(versions, text)
		}
	}
	return versions
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
