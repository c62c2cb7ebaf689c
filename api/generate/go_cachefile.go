package main

import (
	"fmt"
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// cacheFile writes how package attachments reads and writes the record of an attachment.
func cacheFile(api *source) ([]byte, error) {
	var content *model.Type
	for _, f := range api.Files {
		if f.Name == "attachment" {
			content = f.Content
		}
	}
	if content == nil {
		return nil, fmt.Errorf("there is no file attachment")
	}
	record := content.Key("libcni").Value.Type
	return renderGo("cachefile", `package attachments

import "github.com/libcni/libcni/core/internal/jsonobject"

// fields returns the table by which a file is read, as Go's libcni reads it.
func (d *document) fields() jsonobject.Fields {
	return jsonobject.Fields{
{{- range .File.Own}}
		{"{{.Name}}", {{read "d" .}}},
{{- end}}
	}
}

// recordFields returns the table by which the object libcni of a file is read.
func (e *Entry) recordFields() jsonobject.Fields {
	return jsonobject.Fields{
{{- range .Record.Own}}
		{"{{.Name}}", {{read "e" .}}},
{{- end}}
	}
}

// fields returns the table by which an element of plugins is read.
func (r *Ran) fields() any {
	return jsonobject.Fields{
{{- range .Plugin.Own}}
		{"{{.Name}}", {{read "r" .}}},
{{- end}}
	}
}

func (f *encoder) file(e *Entry) {
	f.open('{')
{{- range .File.Own}}
	{{write "e" .}}
{{- end}}
	f.close('}')
}

func (f *encoder) record(e *Entry) {
	f.open('{')
{{- range .Record.Own}}
	{{write "e" .}}
{{- end}}
	f.close('}')
}

func (f *encoder) plugin(r *Ran) {
	f.open('{')
{{- range .Plugin.Own}}
	{{write "r" .}}
{{- end}}
	f.close('}')
}
`, template.FuncMap{"read": readCached, "write": writeCached},
		struct{ File, Record, Plugin *model.Type }{
			content, record, record.Key("plugins").Value.Element.Type,
		})
}

// cachedName is the field of a key in Entry or Ran.
func cachedName(key string) string {
	switch key {
	case "networkName":
		return "Network"
	case "netnsCookie":
		return "Cookie"
	case "netnsInode":
		return "Inode"
	case "hostNetnsCookie":
		return "HostCookie"
	case "cniArgs":
		return "Args"
	}
	return goName(key)
}

// readCached is the destination of a key. A document keeps what has to be checked before it becomes
// a part of the Entry.
func readCached(of string, key *model.Key) string {
	place := "&" + of + "." + cachedName(key.Name)
	switch {
	case key.Name == "kind", key.Name == "config", key.Name == "libcni":
		return "&" + of + "." + key.Name
	case key.Name == "created":
		return "(*int64)(" + place + ")"
	case isPairs(key.Value):
		return "jsonobject.List((*[][2]string)(" + place + "), func(pair *[2]string) any { return pair })"
	case key.Value.Form == model.List:
		return "jsonobject.List(" + place + ", (*Ran).fields)"
	}
	return place
}

// writeCached is the statement that writes a key.
func writeCached(of string, key *model.Key) string {
	value := of + "." + cachedName(key.Name)
	method := "raw"
	switch v := key.Value; {
	case key.Name == "kind":
		method, value = "string", "cacheKind"
	case key.Name == "libcni":
		return fmt.Sprintf("f.key(%q)\nf.record(%s)", key.Name, of)
	case strings.HasSuffix(key.Name, "Cookie"), strings.HasSuffix(key.Name, "Inode"):
		method = "uint"
	case v.Base64:
		method = "base64"
	case v.Form == model.String && key.Required:
		method = "string"
	case v.Form == model.String:
		method = "nonempty"
	case v.Form == model.Boolean:
		method = "bool"
	case v.Form == model.Integer:
		method, value = "int", "int64("+value+")"
	case isPairs(v):
		method = "args"
	case v.Form == model.List:
		method = "plugins"
	case strings.HasPrefix(rawTypes[v.Type.Name], "map"):
		method = "members"
	}
	write := fmt.Sprintf("f.%s(%q, %s)", method, key.Name, value)
	if (method == "int" || method == "uint") && !key.Required {
		return "if " + value + " != 0 {\n" + write + "\n}"
	}
	return write
}

func isPairs(v model.Value) bool { return v.Form == model.List && v.Element.Form == model.Pair }
