package core

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Convert returns a CNI result in another version of the specification.
func (e *Engine) Convert(ctx context.Context, caller Caller,
	r *ConvertRequest) (jsontext.Value, error) {
	return serve(ctx, e.incoming(caller, "", &r.Common),
		func(*scope, context.Context) (jsontext.Value, error) {
			if len(r.Result) == 0 {
				return nil, fault.InvalidRequest("result",
					"result is required: give a CNI result with its cniVersion")
			}
			if !slices.Contains(plugin.Versions(), r.CNIVersion) {
				return nil, fault.InvalidRequest("cniVersion", "cniVersion: %q is not one of %s", r.CNIVersion,
					strings.Join(plugin.Versions(), ", "))
			}

			result, err := plugin.ParseResult(r.Result, "")
			if err != nil {
				return nil, fault.InvalidRequest("result", "%v", err)
			}

			converted, err := result.JSON(r.CNIVersion)
			if err != nil {
				return nil, fault.New(fault.KindUnsupported, err, "converting the result")
			}

			return converted, nil
		})
}
