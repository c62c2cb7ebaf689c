package main

import (
	"fmt"
	"strings"

	"github.com/libcni/libcni/api/model"
)

// loader writes the generated regions of include/cni_dl.h; the rest is written by hand. The header
// is one file, so that a program may copy it.
func loader(api *source) ([]byte, error) {
	text, err := api.read("include/cni_dl.h")
	if err != nil {
		return nil, err
	}
	for _, region := range []struct{ name, code string }{
		{"verbs", loaderVerbs(api.API)},
		{"commands", loaderCommands(api.API)},
		{"kinds", loaderKinds(api.API)},
		{"texts", textTable(api.API, "        ")},
		{"limits", loaderLimits(api.API)},
	} {
		if text, err = replaceRegion(text, region.name, region.code); err != nil {
			return nil, err
		}
	}
	return []byte(text), nil
}

// replaceRegion puts code between the comments that begin and end a region.
func replaceRegion(text, name, code string) (string, error) {
	head := "/* " + generatedFrom("api/cni.api.json") + " " + name + ": */\n"
	before, rest, begins := strings.Cut(text, head)
	_, after, ends := strings.Cut(rest, "/* End of "+name+". */\n")
	if !begins || !ends {
		return "", fmt.Errorf("there is no region %s", name)
	}
	indent := before[strings.LastIndexByte(before, '\n')+1:]
	code = indent + "/* clang-format off */\n" + code + indent + "/* clang-format on */\n"
	return before + head + code + indent + "/* End of " + name + ". */\n" + after, nil
}

// loaderVerbs lists the verbs for macros: member of the table, method.
func loaderVerbs(api *model.API) string {
	var lines []string
	for _, f := range api.Functions {
		if f.IsVerb() {
			lines = append(lines, fmt.Sprintf("    X(%s, %q)", f.Verb(), f.Method))
		}
	}
	code := continued("#define CNI_DL_VERBS(X)")
	for i, line := range lines {
		if i < len(lines)-1 {
			line = continued(line)
		}
		code += strings.TrimSuffix(line, "\n") + "\n"
	}
	return code
}

// continued ends a line of a macro with a backslash in the last column.
func continued(line string) string {
	return line + strings.Repeat(" ", columns-1-len(line)) + "\\\n"
}

// loaderCommands lists method and command of the verbs that have a command.
func loaderCommands(api *model.API) string {
	var pairs []string
	for _, f := range api.Functions {
		if f.Command != "" {
			pairs = append(pairs, fmt.Sprintf("        %q, %q,\n", f.Method, f.Command))
		}
	}
	return strings.Join(pairs, "")
}

// loaderKinds writes the kinds that the loader itself returns.
func loaderKinds(api *model.API) string {
	var lines []string
	for _, own := range []struct{ name, kind, errno string }{
		{"bug", "bug", ""},
		{"timeout", "timeout", ""},
		{"cancelled", "cancelled", ""},
		{"busy", "busy", ""},
		{"unsupported", "unsupported", ""},
		{"invalid", "invalid-request", ""},
		{"state", "state", ""},
		{"no_descriptors", "state", "EMFILE"},
	} {
		for _, k := range api.Kinds {
			if k.Name != own.kind {
				continue
			}
			errno := own.errno
			if errno == "" {
				errno = k.Errnos[0]
			}
			retryable := 0
			if k.Retryable {
				retryable = 1
			}
			lines = append(lines, fmt.Sprintf("    cni_dl_%s = {%q, %q, %s, %d, %d}",
				own.name, k.Name, errno, errno, k.Code, retryable))
		}
	}
	return strings.Join(lines, ",\n") + ";\n"
}

// loaderLimits writes the default time limits of calls.
func loaderLimits(api *model.API) string {
	code := fmt.Sprintf("    CNI_DL_TIMEOUT_MS = %s,\n    CNI_DL_ROLLBACK_MS = %s,\n",
		api.Options.Key("timeoutMs").Default, api.Options.Key("rollbackTimeoutMs").Default)
	for _, s := range api.Sections {
		if s.TimeoutMs != 0 {
			name := strings.ToUpper(strings.TrimSuffix(s.Name, "s"))
			code += fmt.Sprintf("    CNI_DL_%s_MS = %d,\n", name, s.TimeoutMs)
		}
	}
	return strings.TrimSuffix(code, ",\n") + "\n"
}

// textTable lists return values and their descriptions.
func textTable(api *model.API, indent string) string {
	var code string
	for _, c := range api.Codes {
		code += fmt.Sprintf("%s{%d, %q},\n", indent, c.Code, c.Description)
	}
	for _, e := range api.Errnos {
		code += fmt.Sprintf("%s{-%s, %q},\n", indent, e.Name, e.Description)
	}
	return code
}
