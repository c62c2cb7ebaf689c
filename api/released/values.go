package released

import (
	"slices"

	"github.com/libcni/libcni/api/model"
)

// value compares what a key may hold. A request must still accept what it accepted, and a response
// must still have the form that programs read.
func (c *comparison) value(where string, old, new model.Value, request bool) {
	if request && new.Form == model.Union && old.Form != model.Union {
		for _, alternative := range new.Alternatives {
			if alternative.Form == old.Form {
				c.value(where, old, alternative, request)
				return
			}
		}
	}
	if old.Form != new.Form {
		// A string with listed values may become any string in a request, and the reverse in a response.
		widened := request && old.Form == model.Enum && new.Form == model.String
		narrowed := !request && old.Form == model.String && new.Form == model.Enum
		if !widened && !narrowed {
			c.report("%s: the type changed from %s to %s", where, old.Form, new.Form)
		}
		return
	}
	if request {
		c.bounds(where, old, new)
	}
	switch old.Form {
	case model.Enum:
		c.enumeration(where, old.Type, new.Type, request)
	case model.Object:
		c.object(where, old.Type, new.Type, request)
	case model.List, model.Map:
		c.value(where+"[]", *old.Element, *new.Element, request)
	case model.Union:
		c.alternatives(where, old, new, request)
	}
}

// bounds finds limits that are narrower.
func (c *comparison) bounds(where string, old, new model.Value) {
	if new.Minimum != nil && (old.Minimum == nil || *new.Minimum > *old.Minimum) ||
		new.Maximum != nil && (old.Maximum == nil || *new.Maximum < *old.Maximum) {
		c.report("%s: the limits are narrower", where)
	}
	if new.Pattern != "" && new.Pattern != old.Pattern {
		c.report("%s: the pattern changed", where)
	}
}

// enumeration finds values that are gone. Responses may have new ones: programs must accept them.
func (c *comparison) enumeration(where string, old, new *model.Type, request bool) {
	for _, value := range old.Values {
		if request && !slices.Contains(new.Values, value) {
			c.report("%s: the value %q is gone", where, value)
		}
	}
}

func (c *comparison) object(where string, old, new *model.Type, request bool) {
	switch {
	case request && old == nil && new != nil && !new.Open:
		c.report("%s: unknown keys are no longer accepted", where)
	case request:
		c.request(where, old, new)
	case old != nil && new == nil:
		c.report("%s: the keys of the object are gone", where)
	default:
		c.response(where, old, new)
	}
}

// alternatives finds alternatives that are gone.
func (c *comparison) alternatives(where string, old, new model.Value, request bool) {
	for _, was := range old.Alternatives {
		at := slices.IndexFunc(new.Alternatives, func(is model.Value) bool { return is.Form == was.Form })
		if at < 0 {
			c.report("%s: the type %s is gone", where, was.Form)
			continue
		}
		c.value(where, was, new.Alternatives[at], request)
	}
}
