package structure

import (
	"strings"
	"testing"
)

func TestPythonKnowsEveryKind(t *testing.T) {
	python := read(t, "python/cni/errors.py")
	for _, kind := range describe(t).Kinds {
		if !strings.Contains(python, `"`+kind.Kind+`"`) {
			t.Errorf("python/cni/errors.py does not know kind %s", kind.Kind)
		}
	}
}
