// Package event owns what a caller's log callback receives.
package event

import "time"

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

// WarnUnused reports a capability argument that no plugin of a network takes.
func (s Sink) WarnUnused(network, capability, msg string) {
	if s != nil {
		s(Event{Event: "warning", Network: network, Capability: capability, Msg: msg})
	}
}

// Warn reports something the caller should know that is not an error.
func (s Sink) Warn(plugin, msg string) {
	if s != nil {
		s(Event{Event: "warning", Plugin: plugin, Msg: msg})
	}
}
