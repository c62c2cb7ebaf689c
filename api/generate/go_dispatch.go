package main

import "text/template"

// methods writes the dispatch of core.Engine.Call. A verb is served by the Engine's method of its
// name: volume.create by Engine.VolumeCreate.
func methods(api *source) ([]byte, error) {
	return renderGo("methods", `package core

// methods is fixed; nothing writes to it.
var methods = map[string]method{
	"describe": describe,
{{- range .Functions}}{{if .IsVerb}}
	"{{.Method}}": typed((*Engine).{{goName .Method}}),
{{- end}}{{end}}
}
`, template.FuncMap{"goName": goName}, api)
}

// kinds writes the kinds of errors and their traits.
func kinds(api *source) ([]byte, error) {
	return renderGo("kinds", `package fault

import "syscall"

// The kinds. cni.h describes when each is returned.
const (
{{- range .Kinds}}
	{{kindName .}} Kind = "{{.Name}}"
{{- end}}
)

// kinds is fixed; nothing writes to it. A kind without a number returns the code of the error.
var kinds = map[Kind]traits{
{{- range .Kinds}}
	{{kindName .}}: {code: {{.Code}}, retryable: {{.Retryable}} {{- range .Errnos}}, number: syscall.{{.}} {{break}}{{end}} },
{{- end}}
}

// stateErrnos are the causes that kind state returns; any other cause becomes its own number.
var stateErrnos = map[syscall.Errno]bool{
{{- range .Kinds}}{{if eq .Name "state"}}{{range $i, $e := .Errnos}}{{if $i}}
	syscall.{{$e}}: true,
{{- end}}{{end}}{{end}}{{end}}
}
`, template.FuncMap{"kindName": kindName}, api)
}
