package main

import (
	"slices"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// symbolMap writes capi/libcni.map, the version script: a node for each minor version, with the
// functions that appeared in it.
func symbolMap(api *source) ([]byte, error) {
	const text = `/* {{generated}} */
{{- range $i, $node := .}}
LIBCNI_{{.Since}} {
	global:
{{- range .Names}}
		{{.}};
{{- end}}
{{- if eq $i 0}}
	local:
		*;
{{- end}}
}{{with .After}} LIBCNI_{{.}}{{end}};
{{- end}}
`
	return render("libcni.map", text, fromDescription(), versionNodes(api.Functions))
}

// versionNode is the functions that appeared in one version.
type versionNode struct {
	Since, After string // After is the version before, "" for the first
	Names        []string
}

func versionNodes(functions []*model.Function) []*versionNode {
	var nodes []*versionNode
	for _, f := range functions {
		at := slices.IndexFunc(nodes, func(n *versionNode) bool { return n.Since == f.Since })
		if at < 0 {
			at = len(nodes)
			nodes = append(nodes, &versionNode{Since: f.Since})
		}
		nodes[at].Names = append(nodes[at].Names, f.Name)
	}
	slices.SortFunc(nodes, func(a, b *versionNode) int {
		return model.CompareVersions(a.Since, b.Since)
	})
	for i, node := range nodes {
		slices.Sort(node.Names)
		if i > 0 {
			node.After = nodes[i-1].Since
		}
	}
	return nodes
}

// entryPoints writes the C functions of the verbs.
func entryPoints(api *source) ([]byte, error) {
	const text = `/* SPDX-License-Identifier: Apache-2.0 */
/* {{generated}} */
#include "shim.h"

#include "../include/cni.h"
{{range .Functions}}{{if .IsVerb}}
int {{.Name}}(const char *request, char **response)
{
    return shim_serve("{{.Method}}", request, response);
}
{{end}}{{end}}`
	return render("verbs", text, fromDescription(), api)
}

// texts writes the table of cni_strerror.
func texts(api *source) ([]byte, error) {
	const text = `/* SPDX-License-Identifier: Apache-2.0 */
/* {{generated}} */
#include <errno.h>

static const struct {
    int code;
    const char *text;
} texts[] = {
{{table}}};
`
	functions := fromDescription()
	functions["table"] = func() string { return textTable(api.API, "    ") }
	return render("texts", text, functions, api)
}

// fromDescription is the function that says so in templates.
func fromDescription() template.FuncMap {
	return template.FuncMap{"generated": func() string { return generatedFrom("api/cni.api.json") }}
}
