package strictjson

import "reflect"

// shape is what the keys of a text for a type may be. nil is for a type without keys, or with keys that are its own
// affair: whatever is there is skipped.
type shape struct {
	keys map[string]*shape // of a struct
	elem *shape            // of the elements of a slice, or of the values of a map whose keys are free
	kind reflect.Kind      // Struct, Map or Slice
}

// shapeOf looks at a type once, since reflection takes longer than reading a request. No type may hold itself.
func shapeOf(t reflect.Type) *shape {
	t = deref(t)
	if isCustom(t) {
		return nil
	}
	s := &shape{kind: t.Kind()}
	switch s.kind {
	case reflect.Struct:
		s.keys = map[string]*shape{}
		for key, field := range fields(t) {
			s.keys[key] = shapeOf(field)
		}
	case reflect.Map, reflect.Slice:
		if s.elem = shapeOf(t.Elem()); s.elem == nil {
			return nil
		}
	default:
		return nil
	}
	return s
}
