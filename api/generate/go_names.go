package main

import (
	"go/format"
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// goName is a name of the description as Go writes it: "containerId" and "plugin.info" become
// "ContainerID" and "PluginInfo".
func goName(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		switch word {
		case "id", "cni", "gc", "ip", "ipam", "mac", "dns", "mtu", "ra", "vlan", "snat":
			b.WriteString(strings.ToUpper(word))
		default:
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// words splits a name at capitals, dots, hyphens and underscores, and returns its words in lower
// case.
func words(name string) []string {
	var all []string
	word := ""
	end := func() {
		if word != "" {
			all = append(all, strings.ToLower(word))
		}
		word = ""
	}
	for i, r := range name {
		capital := r >= 'A' && r <= 'Z'
		switch {
		case strings.ContainsRune("._-", r):
			end()
			continue
		case capital && i > 0 && (name[i-1] < 'A' || name[i-1] > 'Z'):
			end()
		}
		word += string(r)
	}
	end()
	return all
}

// renderGo executes a template and formats the result.
func renderGo(name, text string, functions template.FuncMap, data any) ([]byte, error) {
	all := fromDescription()
	for name, function := range functions {
		all[name] = function
	}
	code, err := render(name, "// {{generated}}\n\n"+text, all, data)
	if err != nil {
		return nil, err
	}
	return format.Source(code)
}

// kindName is the Go constant of a kind.
func kindName(k *model.Kind) string { return "Kind" + goName(k.Name) }
