package main

import (
	"fmt"

	"github.com/libcni/libcni/api/model"
)

// pythonField is a key of a response in Python.
type pythonField struct {
	annotation string
	missing    string // the value when the key is absent
	read       string // reads it from data
}

// pythonFields are keys whose value has a type of Python's own, or a form that older versions of
// the CNI specification wrote differently.
var pythonFields = map[string]pythonField{
	"ipConfig.address": {"IPInterface", "", "address(data)"},
	"ipConfig.gateway": {"Optional[IPAddress]", "None", `parsed(ip_address, data.get("gateway"))`},
	"route.dst":        {"IPNetwork", "", `ip_network(text(data, "dst"), strict=False)`},
	"route.gw":         {"Optional[IPAddress]", "None", `parsed(ip_address, data.get("gw"))`},
	"result.ips":       {"tuple[IPConfig, ...]", "()", "each(IPConfig.from_dict, addresses(data))"},
	"result.routes":    {"tuple[Route, ...]", "()", "each(Route.from_dict, routes(data))"},
	"result.dns":       {"DNS", "DNS()", `DNS.from_dict(nested(data, "dns"))`},
	"network.plugins":  {"tuple[str, ...]", "()", "plugin_types(data)"},
	"event.code":       {"int", "0", `whole(data, "code") or 0`},
	"error.code":       {"int", "0", `whole(data, "code") or 0`},
	"error.rolledBack": {"Optional[bool]", "None", `data.get("rolledBack")`},
	"error.errno":      {"Optional[int]", "None", `errno_number(text(data, "errno"))`},
	"error.kind":       {"str", `""`, `text(data, "kind") or type(self).kind`},
	"error.msg":        {"str", `""`, `in_python(text(data, "msg"), text(data, "kind"))`},
	"error.details":    {"str", `""`, `in_python(text(data, "details"), text(data, "kind"))`},
}

// pythonTexts describe fields whose value is not that of the key.
var pythonTexts = map[string]string{
	"error.details": "for InvalidRequestError the invalid parameter, for InvalidConfigError the " +
		"invalid key; otherwise further information",
	"error.errno":      "number of the system's error, to compare with the constants of module errno",
	"error.rolledBack": "whether nothing of the failed attachment or mount is left, or None",
}

// field returns how a key is read. A mapping, which has no class, is read when it is asked for.
func (p *python) field(t *model.Type, key *model.Key) pythonField {
	if f, ok := pythonFields[t.Name+"."+key.Name]; ok {
		return f
	}
	return p.value(key.Value, key.Name)
}

func (p *python) value(v model.Value, key string) pythonField {
	reads := func(how string) string { return fmt.Sprintf("%s(data, %q)", how, key) }
	switch v.Form {
	case model.Boolean:
		return pythonField{"bool", "False", fmt.Sprintf("bool(data.get(%q))", key)}
	case model.Integer:
		return pythonField{"Optional[int]", "None", reads("whole")}
	case model.Number:
		return pythonField{"Optional[float]", "None", reads("number")}
	case model.List:
		return p.list(*v.Element, key)
	case model.Object, model.Map:
		if v.Type != nil && p.hasClass(v.Type) {
			class := className(v.Type)
			return pythonField{"Optional[" + class + "]", "None",
				fmt.Sprintf("optional(%s.from_dict, data, %q)", class, key)}
		}
		return pythonField{"Raw", "", reads("nested")}
	}
	return pythonField{"str", `""`, reads("text")}
}

func (p *python) list(element model.Value, key string) pythonField {
	if element.Form == model.Pair {
		read := fmt.Sprintf("pairs(data.get(%q))", key)
		return pythonField{"tuple[tuple[str, str], ...]", "()", read}
	}
	if element.Type != nil && p.hasClass(element.Type) {
		class := className(element.Type)
		read := fmt.Sprintf("each(%s.from_dict, objects(data, %q))", class, key)
		return pythonField{"tuple[" + class + ", ...]", "()", read}
	}
	return pythonField{"tuple[str, ...]", "()", fmt.Sprintf("texts(data, %q)", key)}
}

// isMapping reports whether a key has no field but a property, which reads it from raw.
func (f pythonField) isMapping() bool { return f.annotation == "Raw" }
