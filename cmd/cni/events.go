package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// logEvent prints an event of a request: warnings always, plugin runs with --verbose.
func (a *app) logEvent(line []byte) {
	var e struct {
		Event      string  `json:"event"`
		Msg        string  `json:"msg"`
		Command    string  `json:"command"`
		Plugin     string  `json:"plugin"`
		Builtin    bool    `json:"builtin"`
		DurationMs float64 `json:"durationMs"`
		Code       int     `json:"code"`
		Stderr     string  `json:"stderr"`
	}

	switch err := json.Unmarshal(line, &e); {
	case err != nil:
		fmt.Fprintf(a.err, "cni: %s\n", oneLine(string(line)))
	case e.Event == "warning":
		a.warn(prefix(e.Plugin) + oneLine(e.Msg))
	case a.verbose && e.Event == "plugin":
		how := "executable"
		if e.Builtin {
			how = "built in"
		}

		fmt.Fprintf(a.err, "cni: %s%s (%s) took %.1f ms, code %d\n", prefix(e.Plugin), e.Command, how,
			e.DurationMs, e.Code)
		if text := block(e.Stderr); text != "" {
			fmt.Fprintf(a.err, "    %s\n", text)
		}
	}
}

// warn prints a warning, unless an earlier request of the verb had the same.
func (a *app) warn(text string) {
	if !a.warned[text] {
		fmt.Fprintf(a.err, "cni: warning: %s\n", text)
	}
	if a.warned == nil {
		a.warned = map[string]bool{}
	}
	a.warned[text] = true
}

func prefix(plugin string) string {
	if plugin == "" {
		return ""
	}
	return oneLine(plugin) + ": "
}

func joined(words []string) string { return strings.Join(words, ", ") }
