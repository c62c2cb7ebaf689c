package main

import (
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

// byHand are members of a client besides verbs: those that both clients have, and those that
// only the client without asyncio has.
var (
	byHand     = []string{"volumes"}
	byHandOnce = []string{"call", "cancel", "describe", "set_log", "version"}
)

// pythonInit writes the package's names.
func pythonInit(api *source) ([]byte, error) {
	p := newPython(api)
	members := append(p.members(), byHandOnce...)
	errors := []string{"CNIError", "LibraryLoadError"}
	for _, k := range p.Kinds {
		errors = append(errors, errorName(k))
	}
	var models []string
	for _, t := range p.classes {
		models = append(models, className(t))
	}
	names := append([]string{"Client", "Library", "__version__", "aio"}, members...)
	names = append(append(names, errors...), models...)
	all := strings.Join(names, " ")
	return p.page("init.py.in", assignments(members)+"\n"+exported(names), template.FuncMap{
		"errors": func() string { return pythonImport(".errors", errors, all) },
		"models": func() string { return pythonImport(".models", models, all) },
	})
}

// pythonAio writes the names of module aio.
func pythonAio(api *source) ([]byte, error) {
	p := newPython(api)
	names := append(p.members(), "Client")
	return p.page("aio.py.in", assignments(p.members())+"\n"+exported(names), nil)
}

// members are what both clients have.
func (p *python) members() []string {
	var names []string
	for _, f := range p.verbs(false) {
		names = append(names, verbName(f))
	}
	for _, b := range blocks {
		if !ofVolumes(p.verb(b.verb)) {
			names = append(names, b.name)
		}
	}
	return append(names, byHand...)
}

// assignments makes members of the client DEFAULT functions of the module.
func assignments(names []string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s = DEFAULT.%[1]s\n", name)
	}
	return b.String()
}

// pythonVersion writes the version, which the build of the package reads.
func pythonVersion(api *source) ([]byte, error) {
	head := "# " + generatedFrom("api/cni.api.json") + "\n\n"
	return fmt.Appendf(nil, "%s__version__ = %q\n", head, api.Version), nil
}

// prototypeParts are the result and the parameters of a function or a function type.
var prototypeParts = regexp.MustCompile(`^(?:typedef )?(.*?)\s*(\(\*)?cni_\w+\)?\((.*)\)$`)

// pythonFFI writes the prototypes of the C functions.
func pythonFFI(api *source) ([]byte, error) {
	p := newPython(api)
	types := map[string]string{
		"void": "None", "int": "ctypes.c_int", "const char *": "ctypes.c_char_p",
		"char **": "RESPONSE", "void *": "ctypes.c_void_p",
	}
	var callbacks, functions strings.Builder
	for _, c := range p.Callbacks {
		name := camel(strings.TrimSuffix(strings.TrimPrefix(c.Name, "cni_"), "_fn")) + "Function"
		types[c.Name] = name
		result, parameters, err := ctypes(c.Prototype, types)
		if err != nil {
			return nil, err
		}
		arguments := append([]string{result}, parameters...)
		callbacks.WriteString(bracketed("", name+" = ctypes.CFUNCTYPE(", arguments, ")"))
		callbacks.WriteString(docstring("", "``"+c.Name+"``."))
	}
	for _, f := range p.Functions {
		result, parameters, err := ctypes(f.Prototype, types)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&functions, "    %q: ([%s], %s),\n", f.Name, strings.Join(parameters, ", "), result)
	}
	return p.page("ffi.py.in", functions.String(), template.FuncMap{
		"abi":       func() int { return p.ABI },
		"callbacks": func() string { return callbacks.String() },
	})
}

// ctypes returns the types of a prototype.
func ctypes(prototype string, types map[string]string) (result string, args []string, _ error) {
	parts := prototypeParts.FindStringSubmatch(prototype)
	if parts == nil {
		return "", nil, fmt.Errorf("prototype %q: not understood", prototype)
	}
	list := strings.Split(parts[3], ", ")
	if parts[3] == "void" {
		list = nil
	}
	for _, c := range append([]string{parts[1]}, list...) {
		declared := c
		if types[declared] == "" { // without the name of the parameter
			declared = strings.TrimSpace(strings.TrimRight(c, wordCharacters))
		}
		if types[declared] == "" {
			return "", nil, fmt.Errorf("prototype %q: type %q is unknown", prototype, c)
		}
		args = append(args, types[declared])
	}
	return args[0], args[1:], nil
}

const wordCharacters = "abcdefghijklmnopqrstuvwxyz_"

// pythonTargets are the files of the Python package. Those whose name the package's users see keep
// it; the others begin with _generated.
func pythonTargets() []target {
	return []target{
		{"python/cni/__init__.py", pythonInit},
		{"python/cni/_generated_ffi.py", pythonFFI},
		{"python/cni/_generated_options.py", pythonOptionFields},
		{"python/cni/_generated_verbs.py", pythonVerbMethods},
		{"python/cni/_generated_words.py", pythonWords},
		{"python/cni/_version.py", pythonVersion},
		{"python/cni/aio.py", pythonAio},
		{"python/cni/errors.py", pythonErrors},
		{"python/cni/models.py", pythonModels},
		{"python/cni/requests.py", pythonRequests},
		{"python/cni/volume.py", pythonVolume},
	}
}
