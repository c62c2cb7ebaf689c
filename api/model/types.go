package model

import "slices"

// loadTypes reads the definitions. A definition may refer to those before and after it.
func (l *loader) loadTypes() []*Type {
	all := make([]*Type, len(l.Defs))
	for i, def := range l.Defs {
		s := &l.Defs[i].Value
		all[i] = &Type{Name: def.Name, Description: s.Description, Form: l.form(def.Name, s)}
		l.types[def.Name], l.schemas[def.Name] = all[i], s
	}
	for i := range l.Defs {
		l.loadType(all[i], &l.Defs[i].Value)
	}
	for _, t := range all {
		l.inherit(t, 0)
	}
	for i := range l.Defs {
		l.constrain(all[i], &l.Defs[i].Value)
	}
	return all
}

func (l *loader) form(name string, s *schema) Form {
	switch {
	case s.Enum != nil:
		return Enum
	case s.Type == "object", s.Ref != "":
		return Object
	case s.Type == "string":
		return String
	}
	l.problem("$defs/%s: a definition is an object, an enumeration or a string", name)
	return String
}

// named returns a definition.
func (l *loader) named(where, name string) *Type {
	l.used[name] = true
	if t := l.types[name]; t != nil {
		return t
	}
	l.problem("%s: there is no $defs/%s", where, name)
	return &Type{Name: name}
}

func (l *loader) loadType(t *Type, s *schema) {
	where := "$defs/" + t.Name
	l.need(where, "description", s.Description)
	if s.Ref != "" {
		t.Base = l.named(where, s.name())
	}
	t.Values = s.Enum
	t.Open = s.AdditionalProperties == nil && s.UnevaluatedProperties == nil ||
		s.AdditionalProperties != nil && !s.AdditionalProperties.never
	t.Private = len(s.PatternProperties) == 1 && s.PatternProperties[0].Name == "^x-"
	for i := range s.Properties {
		property := &s.Properties[i].Value
		t.Own = append(t.Own, l.key(where, s.Properties[i].Name, property))
	}
}

// inherit adds the keys of the base, except those that the definition describes itself. A
// definition that is younger than its base has a since, and no inherited key is older.
func (l *loader) inherit(t *Type, depth int) {
	if depth > len(l.types) {
		l.problem("$defs/%s: it inherits from itself", t.Name)
		return
	}
	if t.Keys != nil {
		return
	}
	if t.Base != nil {
		l.inherit(t.Base, depth+1)
		for _, key := range t.Base.Keys {
			if slices.ContainsFunc(t.Own, func(own *Key) bool { return own.Name == key.Name }) {
				continue // it is described again
			}
			inherited := *key
			if since := l.schemas[t.Name].Since; CompareVersions(inherited.Since, since) < 0 {
				inherited.Since = since
			}
			t.Keys = append(t.Keys, &inherited)
		}
	}
	t.Keys = append(t.Keys, t.Own...)
}

// constrain marks the keys that must be given.
func (l *loader) constrain(t *Type, s *schema) {
	where := "$defs/" + t.Name
	required := s.Required
	for base := t.Base; base != nil; base = base.Base {
		required = slices.Concat(required, l.schemas[base.Name].Required)
	}
	for _, key := range l.keys(where, t, required) {
		key.Required = true
		if key.Default != nil {
			l.problem("%s.%s: a required key has no default", where, key.Name)
		}
	}
	for _, choice := range slices.Concat(s.AnyOf, s.OneOf) {
		t.Choices = append(t.Choices, l.keys(where, t, choice.Required))
	}
	t.Exclusive = len(s.OneOf) > 0
}

func (l *loader) key(where, name string, s *schema) *Key {
	where += "." + name
	l.need(where, "description", s.Description)
	l.need(where, "since", s.Since)
	key := &Key{
		Name: name, Description: s.Description, Since: s.Since, Default: s.Default, Unit: s.Unit,
		Value: l.value(where, s),
	}
	if number := key.Value.Form == Integer || key.Value.Form == Number; number != (key.Unit != "") {
		l.problem("%s: a number has a unit, and nothing else has one", where)
	}
	return key
}

func (l *loader) value(where string, s *schema) Value {
	v := Value{Pattern: s.Pattern, Format: s.Format, MaxLength: s.MaxLength,
		Base64: s.ContentEncoding == "base64", Minimum: s.Minimum, Maximum: s.Maximum}
	if s.Format != "" && Formats[s.Format] == "" {
		l.problem("%s: %q is not a format", where, s.Format)
	}
	switch {
	case s.Ref != "":
		v.Type = l.named(where, s.name())
		v.Form = v.Type.Form
	case len(s.OneOf) > 0:
		v.Form = Union
		for i := range s.OneOf {
			v.Alternatives = append(v.Alternatives, l.value(where, &s.OneOf[i]))
		}
	case s.Enum != nil:
		l.problem("%s: an enumeration needs a name in $defs", where)
	case s.Type == "array" && s.PrefixItems != nil:
		v.Form = Pair
	case s.Type == "array" && s.Items != nil:
		v.Form, v.Element = List, l.element(where, s.Items)
	case s.Type == "object":
		l.object(where, &v, s)
	case slices.Contains([]string{"string", "boolean", "integer", "number"}, s.Type):
		v.Form = Form(s.Type)
	default:
		l.problem("%s: %q is not a type", where, s.Type)
	}
	return v
}

// object reads an object without a name: a map, or one of any keys.
func (l *loader) object(where string, v *Value, s *schema) {
	v.Form = Object
	switch {
	case s.Properties != nil:
		l.problem("%s: an object with properties needs a name in $defs", where)
	case s.AdditionalProperties != nil && s.AdditionalProperties.Type != "":
		v.Form, v.Element = Map, l.element(where, s.AdditionalProperties)
	}
}

func (l *loader) element(where string, s *schema) *Value {
	element := l.value(where, s)
	return &element
}
