package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/api"
	"github.com/libcni/libcni/api/model"
)

// loaded is the description of the interface, and a Python package made of it.
func loaded(t *testing.T) *python {
	t.Helper()
	d, err := model.Load(api.Description())
	if err != nil {
		t.Fatal(err)
	}
	return newPython(&source{API: d, root: "../.."})
}

func TestPythonText(t *testing.T) {
	p := loaded(t)
	for _, tt := range []struct{ name, text, want string }{
		{"a function", "as cni_add left it", "as ``add`` left it"},
		{"a reserved word", "left to cni_del", "left to ``delete``"},
		{"a function for volumes", "call cni_volume_unmount", "call ``volumes.unmount``"},
		{"a function that is not a verb", "for cni_cancel", "for ``cancel``"},
		{"an option", "in options.confDir.", "in ``conf_dir``."},
		{"a time limit", "within timeoutMs", "within ``timeout``"},
		{"a key", "rolledBack in the error", "``rolled_back`` in the error"},
		{"keys of a network", "Without network and networkFile", "Without network"},
		{"a kind", "causes kind busy", "raises BusyError"},
		{"another word", "libcni and nftables", "libcni and nftables"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := p.text(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPythonConstructorsKeepTheirReleasedOrder(t *testing.T) {
	for _, tt := range []struct{ object, want string }{
		{"drift", "plugin object expected= actual= added="},
		{"new", "plugin object expected actual added="},
	} {
		object := &model.Type{Name: tt.object, Keys: []*model.Key{
			{Name: "added", Since: "0.10", Required: true},
			{Name: "plugin", Since: "0.9", Required: true},
			{Name: "object", Since: "0.9", Required: true},
			{Name: "expected", Since: "0.9", Required: true},
			{Name: "actual", Since: "0.9", Required: true},
		}}

		var names []string
		keys, withDefault := ordered(object)
		for _, key := range keys {
			if withDefault[key] {
				names = append(names, key.Name+"=")
			} else {
				names = append(names, key.Name)
			}
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.object, got, tt.want)
		}
	}
}

func TestPythonPrototypes(t *testing.T) {
	types := map[string]string{"int": "c_int", "void": "None", "const char *": "c_char_p"}
	for _, tt := range []struct{ prototype, want string }{
		{"const char *cni_version(void)", "c_char_p"},
		{"int cni_cancel(const char *request_id)", "c_int c_char_p"},
		{"typedef void (*cni_log_fn)(const char *event)", "None c_char_p"},
	} {
		result, arguments, err := ctypes(tt.prototype, types)
		got := strings.Join(append([]string{result}, arguments...), " ")
		if got != tt.want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", tt.prototype, got, err, tt.want)
		}
	}
	if _, _, err := ctypes("int cni_x(double d)", types); err == nil {
		t.Error("a type that is unknown was accepted")
	}
}

func TestPythonImportsWhatIsUsed(t *testing.T) {
	code := "def f(a: Raw) -> DNS:\n    \"\"\"Calls each.\"\"\"\n    return text(a, \"texts\")\n"
	got := pythonImport("._reading", []string{"DNS", "Raw", "each", "text", "texts"}, code)
	if diff := cmp.Diff("from ._reading import DNS, Raw, text\n", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDocstring(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 20))
	for _, tt := range []struct {
		name string
		text []string
		want string
	}{
		{"one line", []string{"Short."}, "    \"\"\"Short.\"\"\"\n"},
		{"several", []string{long}, "    \"\"\"" + long[:89] + "\n    word word\n    \"\"\"\n"},
		{"parameters", []string{"Add.", ":param a: one", ":param b: two"},
			"    \"\"\"Add.\n\n    :param a: one\n    :param b: two\n    \"\"\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, docstring("    ", tt.text...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
