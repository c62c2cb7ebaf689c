// Package event owns what a caller's log callback receives.
package event

import "time"

// Event is one thing worth telling the caller of a request. It is written as one JSON object.
type Event struct {
	Event       string  `json:"event"` // "plugin" (a plugin ran) or "warning"
	Msg         string  `json:"msg,omitempty"`
	Command     string  `json:"command,omitempty"`
	Network     string  `json:"network,omitempty"`
	ContainerID string  `json:"containerId,omitempty"`
	IfName      string  `json:"ifName,omitempty"`
	Plugin      string  `json:"plugin,omitempty"` // the plugin's type
	Builtin     *bool   `json:"builtin,omitempty"`
	DurationMs  float64 `json:"durationMs,omitempty"`
	Code        int     `json:"code,omitempty"` // what the plugin returned, 0 for success
	Stderr      string  `json:"stderr,omitempty"`
}

// Sink receives events, on the goroutine that serves the request and on no other. A nil Sink
// discards them.
type Sink func(Event)

// Ran reports that a plugin ran.
func (s Sink) Ran(e Event, took time.Duration) {
	if s == nil {
		return
	}
	e.Event = "plugin"
	e.DurationMs = float64(took.Microseconds()) / 1000
	s(e)
}

// Warn reports something the caller should know that is not an error.
func (s Sink) Warn(plugin, msg string) {
	if s != nil {
		s(Event{Event: "warning", Plugin: plugin, Msg: msg})
	}
}
