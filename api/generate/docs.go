package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/libcni/libcni/api/model"
)

// region matches a part of a document that is generated; its name says what it holds.
var region = regexp.MustCompile(`(?s)(<!-- generated: ([^>]*) -->\n).*?(<!-- end -->)`)

// document returns the target that writes the regions of a document by name. A region that is
// missing is an error, since what it describes would not be documented.
func document(path string, regions func(*source) map[string]string) target {
	return target{path, func(api *source) ([]byte, error) {
		text, err := api.read(path)
		if err != nil {
			return nil, err
		}
		parts := regions(api)
		unknown := ""
		text = region.ReplaceAllStringFunc(text, func(old string) string {
			m := region.FindStringSubmatch(old)
			part, found := parts[m[2]]
			if !found {
				unknown = m[2]
			}
			delete(parts, m[2])
			return m[1] + part + m[3]
		})
		for name := range parts {
			return nil, fmt.Errorf(`it has no region "<!-- generated: %s -->"`, name)
		}
		if unknown != "" {
			return nil, fmt.Errorf("there is nothing to generate for the region %q", unknown)
		}
		return []byte(text), nil
	}}
}

// documents are the targets in Markdown.
func documents() []target {
	return []target{
		{"docs/api.md", reference},
		document("docs/plugins.md", pluginTables),
		document("docs/volumes.md", volumeTables),
		document("python/README.md", pythonNames),
	}
}

// pluginTables describe the configuration of each built-in plugin.
func pluginTables(api *source) map[string]string {
	parts := map[string]string{}
	for _, b := range api.Builtins {
		parts["configuration of "+b.Type] = "\n" + configuration(b) + "\n"
	}
	mapping := api.CapabilityArgs.Key("portMappings").Value.Element.Type
	parts["portMappings"] = "\n" + keyTable(mapping.Keys) + "\n"
	return parts
}

// configuration describes the keys of a plugin and of the objects in them, and its arguments.
func configuration(b *model.Builtin) string {
	keys, where := b.Keys(), ""
	if ipam := b.Config.Key("ipam"); b.Role == "ipam" {
		keys, where = ipam.Value.Type.Own, " of `ipam`"
	}
	var text string
	switch {
	case len(keys) == 0:
		text = "The plugin has no keys of its own.\n"
	case where != "":
		text = "Keys" + where + ":\n\n" + keyTable(keys)
	default:
		text = keyTable(keys)
	}
	var sources []string
	for _, capability := range b.Capabilities {
		sources = append(sources, "`runtimeConfig."+capability.Name+"`")
	}
	if args := b.Config.Key("args"); args != nil {
		sources = append(sources, "`args.cni`")
	}
	for _, arg := range b.Args {
		if arg != "IgnoreUnknown" {
			sources = append(sources, "`"+arg+"` in `CNI_ARGS`")
		}
	}
	if sources != nil {
		text += "\n" + wrap("", "Arguments: "+list(sources, "and")+".") + "\n"
	}
	return text
}

// volumeTables describe the time limits and the errors of volume plugins.
func volumeTables(api *source) map[string]string {
	rows := [][]string{{"option", "default in ms", ""}}
	row := func(name string, key *model.Key) {
		rows = append(rows, []string{"`" + name + "`", cellDefault(key), key.Description})
	}
	limits := []string{"timeoutMs", "volumeTimeouts", "rollbackTimeoutMs", "volumeRetryMs"}
	for _, name := range limits {
		key := api.Options.Key(name)
		if key.Value.Form != model.Object {
			row(name, key)
			continue
		}
		for _, limit := range key.Value.Type.Keys {
			row(name+"."+limit.Name, limit)
		}
	}
	kinds := [][]string{{"kind", "returns", "when"}}
	for _, kind := range volumeKinds(api) {
		kinds = append(kinds, []string{"`" + kind.Name + "`", kind.Returns, kind.Description})
	}
	return map[string]string{
		"time limits": "\n" + markdown(rows) + "\n",
		"kinds":       "\n" + markdown(kinds) + "\n",
	}
}

// volumeKinds are the kinds that functions for volumes may return beyond those of every function.
func volumeKinds(api *source) []*model.Kind {
	var kinds []*model.Kind
	for _, kind := range api.Kinds {
		for _, f := range api.Functions {
			if f.Section.Name == "volumes" && slices.Contains(f.Kinds, kind) {
				kinds = append(kinds, kind)
				break
			}
		}
	}
	return kinds
}

// pythonNames list the verbs of the Python package.
func pythonNames(api *source) map[string]string {
	var verbs []string
	for _, f := range newPython(api).verbs(false) {
		verbs = append(verbs, "`"+verbName(f)+"`")
	}
	return map[string]string{"verbs": wrap("", strings.Join(verbs, ", ")) + "\n"}
}
