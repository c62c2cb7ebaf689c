package invoke

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// interpret decides what the answer of a process means. The exit status counts, with two
// exceptions: an ADD that exits with 0 must have printed a result, which an error object is not;
// and if the exit status is unknown, an ADD is interpreted by its output, while the output of other
// commands does not tell success from failure.
func interpret(t Target, inv *plugin.Invocation, got answer) (*plugin.Result, error) {
	switch {
	case !got.status.Known:
		return interpretUnknown(t, inv, got)
	case !got.status.Success():
		return nil, failure(t, got)
	case inv.Command != plugin.Add:
		return nil, nil
	case isErrorObject(got.stdout):
		return nil, failure(t, got)
	default:
		return parseResult(t, inv, got.stdout)
	}
}

func interpretUnknown(t Target, inv *plugin.Invocation, got answer) (*plugin.Result, error) {
	if isErrorObject(got.stdout) {
		return nil, failure(t, got)
	}

	stdout := bytes.TrimSpace(got.stdout)
	if inv.Command == plugin.Add && len(stdout) > 0 && !bytes.Equal(stdout, null) {
		if result, err := parseResult(t, inv, stdout); err == nil {
			return result, nil
		}
	}
	return nil, fault.New(fault.KindPluginStatusUnknown, nil,
		"%s exited, but another part of this process took its exit status, and its output does not "+
			"show whether %s succeeded", t, inv.Command)
}

var null = []byte("null")

// parseResult reads the result of an ADD. A result without a version has the configuration's, or
// the one that its keys belong to.
func parseResult(t Target, inv *plugin.Invocation, stdout []byte) (*plugin.Result, error) {
	stdout = bytes.TrimSpace(stdout)
	if len(stdout) == 0 {
		return nil, fault.New(fault.KindPluginProtocol, nil, "%s succeeded but printed no result", t)
	}
	result, err := plugin.ParseResult(stdout, inv.CNIVersion)
	if err != nil {
		return nil, fault.New(fault.KindPluginProtocol, nil,
			"%s succeeded but did not print a CNI result (%s): %s", t, quote(stdout),
			fault.Excerpt(err.Error()))
	}
	return result, nil
}

// errorObject is the specification's section 5 "Error". Code is kept as it was written, because any
// number is possible.
type errorObject struct {
	CNIVersion string          `json:"cniVersion"`
	Code       json.RawMessage `json:"code"`
	Msg        string          `json:"msg"`
	Details    string          `json:"details"`
}

func parseError(stdout []byte) (object errorObject, isJSON, isError bool) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(stdout, &keys) != nil || keys == nil {
		return object, false, false
	}
	if json.Unmarshal(stdout, &object) != nil {
		return object, true, false
	}
	code := string(object.Code)
	return object, true, object.Msg != "" || code != "" && code != "0" && code != "null"
}

func isErrorObject(stdout []byte) bool {
	_, _, isError := parseError(stdout)
	return isError
}

// failure returns the error of a plugin that failed: its own, unchanged, if it printed one.
func failure(t Target, got answer) error {
	object, isJSON, isError := parseError(got.stdout)
	switch {
	case isError:
		return pluginError(t, got, object)
	case isJSON || len(bytes.TrimSpace(got.stdout)) == 0:
		return fault.New(fault.KindPluginFailed, nil, "%s failed without an error message (%s)%s", t,
			got.status, stderrTail(got.stderr))
	default:
		return fault.New(fault.KindPluginProtocol, nil,
			"%s failed (%s) and did not print a CNI error: %s%s",
			t, got.status, quote(got.stdout), stderrTail(got.stderr))
	}
}

// pluginError returns the error object that a plugin printed as an error. A code outside the
// allowed range is moved to the details.
func pluginError(t Target, got answer, object errorObject) error {
	e := fault.New(fault.KindPluginFailed, nil, "")
	e.CNIVersion, e.Msg, e.Details = fault.Excerpt(object.CNIVersion), object.Msg, object.Details
	if e.Msg == "" {
		e.Msg = fmt.Sprintf("%s failed with code %s and no message%s", t,
			fault.Excerpt(string(object.Code)), stderrTail(got.stderr))
	}

	code, err := strconv.ParseInt(string(object.Code), 10, 64)
	switch {
	case err == nil && code >= 1 && code <= math.MaxInt32:
		e.Code = code
	case len(object.Code) > 0:
		e.Details = strings.TrimSuffix(fmt.Sprintf("code %s of the plugin; %s",
			fault.Excerpt(string(object.Code)), object.Details), "; ")
	}

	e.Retryable = e.Code == fault.CodeTryAgainLater
	return e
}

// stderrTail returns the end of stderr, for errors that have no message of their own.
func stderrTail(stderr string) string {
	const limit = 500
	stderr = strings.TrimSpace(stderr)
	if stderr == "" {
		return ""
	}
	if len(stderr) > limit {
		stderr = "…" + strings.ToValidUTF8(stderr[len(stderr)-limit:], "")
	}
	return "; stderr: " + stderr
}

// quote returns the beginning of what a plugin printed.
func quote(stdout []byte) string {
	const limit = 200
	if len(stdout) > limit {
		return strconv.Quote(string(stdout[:limit])) + " …"
	}
	return strconv.Quote(string(stdout))
}
