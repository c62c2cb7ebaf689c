package core

import (
	"context"
	"strings"

	"github.com/libcni/libcni/api"
	"github.com/libcni/libcni/core/internal/builtin"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/schema"
	"github.com/libcni/libcni/core/internal/similar"
)

// capabilitiesType stands for the arguments by capability in place of a plugin's type.
const capabilitiesType = "capabilities"

// Schema returns the JSON Schema of a configuration list, of a built-in plugin's configuration or
// of the arguments by capability.
func (e *Engine) Schema(ctx context.Context, caller Caller,
	r *SchemaRequest) (*SchemaAnswer, error) {
	return serve(ctx, e.incoming(caller, "", &r.Common),
		func(*scope, context.Context) (*SchemaAnswer, error) {
			schemas, err := schema.Parse(api.Schema())
			if err != nil {
				return nil, err
			}
			if r.Type == "" {
				return &SchemaAnswer{Schema: schemas.List()}, nil
			}

			definition := r.Type
			if r.Type == capabilitiesType {
				definition = "capabilityArgs"
			} else if builtin.Lookup(r.Type) == nil {
				return nil, noSchema(r.Type)
			}
			document, err := schemas.Definition(definition)
			return &SchemaAnswer{Schema: document}, err
		})
}

func noSchema(name string) error {
	known := append(builtin.Types(), capabilitiesType)
	advice := "there are schemas for " + strings.Join(known, ", ")
	if nearest := similar.Name(name, known); nearest != "" {
		advice = "did you mean " + nearest + "?"
	}
	return fault.New(fault.KindPluginNotFound, nil, "type: %.64q is not built in; %s", name, advice)
}
