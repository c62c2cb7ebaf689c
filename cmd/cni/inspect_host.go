package main

import (
	"fmt"
	"strings"
)

// inspectAnswer is what the command shows of the answer of cni_inspect.
type inspectAnswer struct {
	Attachments []inspection `json:"attachments"`
}

type inspection struct {
	attachment
	Objects []hostObject `json:"objects"`
	Drift   []struct {
		Plugin, Object, Expected, Actual string
	} `json:"drift"`
	Warnings []struct{ Plugin, Msg string }       `json:"warnings"`
	Unseen   []struct{ Plugin, What, Msg string } `json:"unseen"`
}

// hostObject is an object on the host.
type hostObject struct {
	Kind, Name, Text, Scope string
	Link                    struct{ Received, Sent *counter }
	Matched                 *counter
}

type counter struct{ Packets, Bytes, Dropped uint64 }

// objects has a line for each object, and one for the traffic of a link.
func (at inspection) objects() (lines []string) {
	for _, o := range at.Objects {
		switch o.Kind {
		case "address":
			lines = append(lines, "address "+o.Text+" on "+o.Name)
		case "route":
			lines = append(lines, "route "+o.Text+" through "+o.Name)
		case "link":
			lines = append(lines, "link "+o.Name+": "+o.Text)
			if traffic := o.traffic(); traffic != "" {
				lines = append(lines, traffic)
			}
		default:
			lines = append(lines, o.Name+": "+o.Text+o.note())
		}
	}
	return lines
}

// traffic is that of a link of the container alone.
func (o hostObject) traffic() string {
	if o.Link.Received == nil || o.Link.Sent == nil {
		return ""
	}
	return fmt.Sprintf("container received %s, %d dropped; sent %s, %d dropped", o.Link.Received,
		o.Link.Received.Dropped, o.Link.Sent, o.Link.Sent.Dropped)
}

// note says what a rule has matched, and with whom the attachment shares it.
func (o hostObject) note() string {
	var notes []string
	if o.Matched != nil {
		notes = append(notes, o.Matched.String())
	}
	switch o.Scope {
	case "network":
		notes = append(notes, "all containers of the network")
	case "host":
		notes = append(notes, "all networks")
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}

func (c *counter) String() string {
	return fmt.Sprintf("%d packets %d bytes", c.Packets, c.Bytes)
}

// differences says none only if CHECK has looked at everything.
func (at inspection) differences() (lines []string) {
	for _, d := range at.Drift {
		lines = append(lines, ofPlugin(d.Plugin, d.Object+": expected "+d.Expected+", found "+d.Actual))
	}
	for _, u := range at.Unseen {
		if u.What == "drift" && len(lines) == 0 {
			return []string{"not known"}
		}
	}
	if len(lines) == 0 {
		return []string{"none"}
	}
	return lines
}

func (at inspection) warnings() (lines []string) {
	for _, w := range at.Warnings {
		lines = append(lines, ofPlugin(w.Plugin, w.Msg))
	}
	return lines
}

func (at inspection) unseen() (lines []string) {
	for _, u := range at.Unseen {
		part := map[string]string{"objects": "on the host", "drift": "differences",
			"warnings": "warnings"}[u.What]
		lines = append(lines, first(part, u.What)+": "+ofPlugin(u.Plugin, u.Msg))
	}
	return lines
}

// ofPlugin names the plugin that a text is from, if it is known.
func ofPlugin(pluginType, text string) string {
	if pluginType == "" {
		return text
	}
	return pluginType + ": " + text
}
