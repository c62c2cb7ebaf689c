package main

import (
	"fmt"
	"go/format"
	"slices"
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// configPackage is a package of core whose configuration is generated.
type configPackage struct {
	folder     string            // below core/internal
	definition string            // of the configuration
	root       string            // its Go type; the table is exported if the type is
	embeds     string            // the Go type of the definition that it inherits, or ""
	plugin     string            // whose capabilities are keys of runtimeConfig, or ""
	names      map[string]string // Go types of the objects within it; others have no name
}

var configPackages = []configPackage{
	{folder: "kit/settings", definition: "interfaceConfig", root: "Settings"},
	{folder: "builtin/bridge", definition: "bridgeConfig", root: "configKeys",
		embeds: "settings.Settings", plugin: "bridge",
		names: map[string]string{"vlanRange": "trunkItem"}},
	{folder: "builtin/firewall", definition: "firewallConfig", root: "configKeys"},
	{folder: "builtin/portmap", definition: "portmapConfig", root: "configKeys", plugin: "portmap",
		names: map[string]string{"portMapping": "mappingEntry"}},
	{folder: "builtin/static", definition: "staticConfig", root: "rawConfig", plugin: "static",
		names: map[string]string{"staticIpam": "rawIPAM", "staticAddress": "rawAddress"}},
	{folder: "builtin/hostlocal", definition: "hostLocalConfig", root: "rawConfig",
		plugin: "host-local",
		names:  map[string]string{"hostLocalIpam": "rawIPAM", "ipRange": "rawRange"}},
}

// absenceMatters are the keys whose empty value is refused, while their absence is not.
var absenceMatters = map[string]bool{
	"ipMasqBackend": true, "backend of portmapConfig": true, "externalSetMarkChain": true,
	"conditionsV4": true, "conditionsV6": true,
}

// emptyDiffers reports whether the empty value of a key of a definition is refused.
func emptyDiffers(key *model.Key, definition string) bool {
	return absenceMatters[key.Name] || absenceMatters[key.Name+" of "+definition]
}

// configTargets are the files with the keys of the configurations.
func configTargets() []target {
	var all []target
	for _, p := range configPackages {
		all = append(all, target{"core/internal/" + p.folder + "/config_generated.go", p.write})
	}
	return all
}

// configuration is the definition with the arguments of the plugin's capabilities.
func (p configPackage) configuration(api *source) (*model.Type, error) {
	root := &model.Type{}
	for _, t := range api.Types {
		if t.Name == p.definition {
			*root = *t
			root.Own = slices.Clone(t.Own)
		}
	}
	for _, b := range api.Builtins {
		if b.Type != p.plugin || len(b.Capabilities) == 0 {
			continue
		}
		capabilities := &model.Type{Form: model.Object, Own: b.Capabilities, Keys: b.Capabilities}
		root.Own = append(root.Own, &model.Key{
			Name: "runtimeConfig", Description: "arguments of the capabilities",
			Value: model.Value{Form: model.Object, Type: capabilities},
		})
	}
	if root.Name == "" {
		return nil, fmt.Errorf("there is no $defs/%s", p.definition)
	}
	return root, nil
}

// write writes the types of a configuration and the tables by which they are read.
func (p configPackage) write(api *source) ([]byte, error) {
	root, err := p.configuration(api)
	if err != nil {
		return nil, err
	}
	text, err := renderGo("config", `package {{.Package}}

import (
	"github.com/containernetworking/cni/pkg/types"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/kit/settings"
	"github.com/libcni/libcni/core/internal/resultjson"
)
{{range .Types}}{{$name := goName .}}
{{comment (printf "%s: %s." $name .Description)}}
type {{$name}} struct {
{{- with embeds .}}
	{{.}}
{{end}}
{{- range .Own}}
	{{comment .Description}}
	{{field .}}
{{- end}}
}

{{$method := method $name}}// {{$method}} returns the table by which the keys are read.
func (c *{{$name}}) {{$method}}() jsonobject.Fields {
	return {{with embeds .}}append(c.Settings.Fields(), {{end}}jsonobject.Fields{
{{- range .Own}}
		{"{{.Name}}", {{target .}}},
{{- end}}
	}{{with embeds .}}...){{end}}
}
{{if hasDefaults .}}
// fillDefaults sets the strings that are absent or empty to their defaults.
func (c *{{$name}}) fillDefaults() {
{{- range .Own}}{{if isFilled .}}
	if c.{{configName .Name}} == "" {
		c.{{configName .Name}} = {{printf "%s" .Default}}
	}
{{- end}}{{end}}
}
{{end}}{{end}}`, template.FuncMap{
		"isFilled":    p.isFilled,
		"hasDefaults": func(t *model.Type) bool { return slices.ContainsFunc(t.Own, p.isFilled) },
		"configName":  configName,
		"comment":     goComment,
		"embeds": func(t *model.Type) string {
			if t == root {
				return p.embeds
			}
			return ""
		},
		"method": func(name string) string {
			if name == p.root && name[0] >= 'A' && name[0] <= 'Z' {
				return "Fields"
			}
			return "fields"
		},
		"goName": func(t *model.Type) string {
			if name := p.names[t.Name]; name != "" {
				return name
			}
			return p.root
		},
		"field":  p.field,
		"target": func(key *model.Key) string { return p.target(key, "c."+configName(key.Name)) },
	}, struct {
		Package string
		Types   []*model.Type
	}{p.folder[strings.LastIndexByte(p.folder, '/')+1:], append([]*model.Type{root},
		p.named(root)...)})
	if err != nil {
		return nil, err
	}
	return format.Source(dropImports(text))
}

// named returns the objects within t that have a Go type of their own.
func (p configPackage) named(t *model.Type) []*model.Type {
	var all []*model.Type
	for _, key := range t.Own {
		for v := &key.Value; v != nil; v = v.Element {
			if v.Type == nil {
				continue
			}
			if p.names[v.Type.Name] != "" {
				all = append(all, v.Type)
			}
			if v.Form == model.Object {
				all = append(all, p.named(v.Type)...)
			}
		}
	}
	seen := map[*model.Type]bool{}
	var once []*model.Type
	for _, t := range all {
		if !seen[t] {
			once = append(once, t)
		}
		seen[t] = true
	}
	return once
}

func (p configPackage) field(key *model.Key) string {
	return configName(key.Name) + " " + p.goType(key)
}

// goType is the type of a field. Absence is kept where it differs from the zero value.
func (p configPackage) goType(key *model.Key) string {
	t := p.valueType(key.Value)
	form := key.Value.Form
	matters := emptyDiffers(key, p.definition) ||
		string(key.Default) == "true" ||
		form == model.Integer && key.Default == nil && !key.Required ||
		form == model.Object && key.Required
	if matters {
		return "*" + t
	}
	return t
}

// isFilled reports whether an empty string stands for a default.
func (p configPackage) isFilled(key *model.Key) bool {
	return p.goType(key) == "string" && len(key.Default) > len(`""`)
}

func (p configPackage) valueType(v model.Value) string {
	switch v.Form {
	case model.Boolean:
		return "bool"
	case model.Integer:
		return "int"
	case model.List:
		return "[]" + p.valueType(*v.Element)
	case model.Object:
		return p.objectType(v.Type)
	}
	return "string"
}

func (p configPackage) objectType(t *model.Type) string {
	switch name := p.names[t.Name]; {
	case name != "":
		return name
	case t.Name == "route":
		return "jsontext.Value"
	case t.Name == "dns":
		return "types.DNS"
	}
	var fields []string
	for _, key := range t.Own {
		fields = append(fields, p.field(key))
	}
	return "struct{ " + strings.Join(fields, "; ") + " }"
}

// target is where jsonobject puts the value of a key.
func (p configPackage) target(key *model.Key, place string) string {
	v := key.Value
	switch {
	case v.Form == model.Object && p.names[v.Type.Name] != "" && key.Required:
		name := p.names[v.Type.Name]
		return fmt.Sprintf("jsonobject.Optional(&%s, func(v *%s) any { return v.fields() })", place, name)
	case v.Form == model.Object && v.Type.Name == "dns":
		return "resultjson.DNSFields(&" + place + ")"
	case v.Form == model.Object && p.names[v.Type.Name] == "":
		return p.inline(v.Type, place)
	case v.Form == model.List:
		return p.list(v, "&"+place)
	}
	return "&" + place
}

func (p configPackage) inline(t *model.Type, place string) string {
	var fields []string
	for _, key := range t.Own {
		fields = append(fields, fmt.Sprintf("{%q, %s}", key.Name,
			p.target(key, place+"."+configName(key.Name))))
	}
	return "jsonobject.Fields{" + strings.Join(fields, ", ") + "}"
}

// list reads a list, whose elements may be objects or lists of objects.
func (p configPackage) list(v model.Value, place string) string {
	element := *v.Element
	switch {
	case element.Form == model.List:
		return fmt.Sprintf("jsonobject.List(%s, func(list *%s) any { return %s })",
			place, p.valueType(element), p.list(element, "list"))
	case element.Form == model.Object && p.names[element.Type.Name] != "":
		return fmt.Sprintf("jsonobject.List(%s, func(v *%s) any { return v.fields() })",
			place, p.names[element.Type.Name])
	}
	return place
}

// configName is the Go name of a key. These keys are not written as their words are.
func configName(key string) string {
	switch key {
	case "macspoofchk":
		return "MACSpoofCheck"
	case "enabledad":
		return "EnableDAD"
	case "iptablesAdminChainName":
		return "AdminChain"
	case "firewalldZone":
		return "Zone"
	case "ips":
		return "IPs"
	}
	return goName(key)
}

// dropImports removes the imports that the code does not use.
func dropImports(code []byte) []byte {
	lines := strings.SplitAfter(string(code), "\n")
	text := strings.Join(lines, "")
	var kept []string
	for _, line := range lines {
		path := strings.Trim(strings.TrimSpace(line), `"`)
		name := path[strings.LastIndexByte(path, '/')+1:]
		if isImport := strings.HasPrefix(line, "\t\""); isImport && !strings.Contains(text, name+".") {
			continue
		}
		kept = append(kept, line)
	}
	return []byte(strings.Join(kept, ""))
}
