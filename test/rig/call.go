package rig

import (
	"encoding/json"
	"os/exec"
	"strings"
)

// Object is a JSON object.
type Object = map[string]any

// Answer is what the command answers to a request of the C API.
type Answer struct {
	RC       int
	Response json.RawMessage
}

// Call has the command serve a request. The host's directories are the defaults of its options.
func (h *Host) Call(method string, request, options Object) Answer {
	h.T.Helper()
	all := Object{"cacheDir": h.Path("cache"), "stateDir": h.Path("state"), "confDir": h.Path("conf")}
	for key, value := range options {
		all[key] = value
	}
	full := Object{"options": all}
	for key, value := range request {
		full[key] = value
	}
	text, err := json.Marshal(full)
	Must(h.T, err)
	cmd := exec.Command(Command(h.T), "call", method)
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.Output()
	if err != nil {
		h.T.Fatalf("%s: %v\n%s", method, err, out)
	}
	var a Answer
	Must(h.T, json.Unmarshal(out, &a))
	return a
}

// MustCall is Call for a request that must succeed.
func (h *Host) MustCall(method string, request, options Object) Answer {
	h.T.Helper()
	a := h.Call(method, request, options)
	if a.RC != 0 {
		h.T.Fatalf("%s %v: %d %s", method, request, a.RC, a.Response)
	}
	return a
}
