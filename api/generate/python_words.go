package main

import (
	"fmt"
	"strings"

	"github.com/libcni/libcni/api/model"
)

// pythonWords writes the names that error messages mention.
func pythonWords(api *source) ([]byte, error) {
	p := newPython(api)
	keys := [][2]string{{"networkFile", "network as a path object"}}
	options := [][2]string{}
	verbs := [][2]string{}
	seen := map[string]bool{"networkFile": true}
	for _, f := range p.Functions {
		if !f.IsVerb() {
			continue
		}
		name := verbName(f)
		if ofVolumes(f) {
			name = "volumes." + name
		}
		verbs = append(verbs, [2]string{f.Name, name})
		for _, key := range f.Keys {
			if name := fieldName(f.Request, key); name != key.Name && !seen[key.Name] {
				seen[key.Name] = true
				keys = append(keys, [2]string{key.Name, name})
			}
		}
	}
	keys = append(keys, [2]string{"requestId", "request_id"})
	for _, key := range p.Options.Keys {
		if key.Value.Form != model.Object {
			options = append(options, [2]string{key.Name, optionField(key.Name)})
			continue
		}
		for _, limit := range key.Value.Type.Keys {
			name := key.Name + "." + limit.Name
			options = append(options, [2]string{name, limitField(key.Name, limit.Name)})
		}
	}

	code := table("KEYS", "Keys of requests.", keys) +
		table("OPTIONS", "Options of requests.", options) + table("VERBS", "Functions.", verbs)
	return p.page("words.py.in", code, nil)
}

// table writes a dictionary.
func table(name, text string, pairs [][2]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s = {\n", name)
	for _, pair := range pairs {
		fmt.Fprintf(&b, "    %q: %q,\n", pair[0], pair[1])
	}
	return b.String() + "}\n" + docstring("", text)
}
