package core

import (
	"context"
	"errors"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/lifecycle"
	"github.com/libcni/libcni/core/plugin"
)

// The parts of the answer that may be missing.
const (
	unseenObjects  = "objects"
	unseenDrift    = "drift"
	unseenWarnings = "warnings"
)

// inspectLockTimeout bounds how long Inspect waits for another call on the attachment.
const inspectLockTimeout = time.Second

// Inspect shows what attachments of a container have on the host: links, routes and rules with
// their counters, the differences that CHECK finds, and the warnings of STATUS. It changes nothing.
// A part that cannot be looked at is named in the answer, which always has what is recorded.
func (e *Engine) Inspect(ctx context.Context, caller Caller,
	r *InspectRequest) (*InspectAnswer, error) {
	return serve(ctx, e.incoming(caller, plugin.Inspect, &r.Common), (*scope).inspect)
}

func (s *scope) inspect(ctx context.Context) (*InspectAnswer, error) {
	if err := conf.ValidateContainerID(s.request.ContainerID); err != nil {
		return nil, err
	}
	network, given, err := s.networkFilter()
	if err != nil {
		return nil, err
	}

	entries, unusable, err := s.store.ByContainer(s.request.ContainerID, s.request.IfName)
	if err != nil {
		return nil, err
	}
	s.warnOf(unusable)
	answer := &InspectAnswer{Attachments: []Inspection{}, Errors: fileErrors(unusable)}
	var shown []*attachments.Entry
	for _, entry := range entries {
		if matches(network, entry.Network) {
			shown = append(shown, entry)
			answer.Attachments = append(answer.Attachments, s.look(ctx, entry, given))
		}
	}

	// An executable may take all the time there is. Everything else is known by then.
	for i, entry := range shown {
		s.lookForDrift(ctx, entry, given, &answer.Attachments[i])
	}
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return answer, nil
}

// look describes an attachment with everything but the differences.
func (s *scope) look(ctx context.Context, entry *attachments.Entry, given *conf.List) Inspection {
	at := inspectionOf(lifecycle.Describe(entry))
	var err error
	if at.State, err = s.state(ctx, entry); err != nil {
		at.State = stateUnknown
		at.miss("", unseenDrift, err.Error())
	}

	overrides := s.overrides(given)
	s.manager.Inspect(ctx, entry, overrides, lifecycle.Sight{
		Found: func(pluginType string, object plugin.Object) {
			at.Objects = append(at.Objects, hostObjectOf(pluginType, object))
		},
		Unseen: func(pluginType, why string) { at.miss(pluginType, unseenObjects, why) },
	})
	s.lookForWarnings(ctx, entry, overrides, &at)
	return at
}

// lookForWarnings adds what STATUS of the network says.
func (s *scope) lookForWarnings(ctx context.Context, entry *attachments.Entry,
	overrides *lifecycle.Overrides, at *Inspection) {
	status := &StatusAnswer{}
	before := s.runner.Events
	s.runner.Events = status.collect(before)
	err := s.manager.StatusOf(ctx, entry, overrides)
	s.runner.Events = before
	at.Warnings = status.Warnings

	var e *fault.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Plugin != nil && (e.Code == fault.CodePluginNotAvailable ||
		e.Code == fault.CodeLimitedConnectivity):
		at.Warnings = append(at.Warnings, StatusWarning{Plugin: e.Plugin.Type, Msg: e.Msg})
	default:
		at.fail(unseenWarnings, err)
	}
}

// lookForDrift adds what CHECK finds. CHECK needs the attachment's lock: an executable must not run
// twice for a container.
func (s *scope) lookForDrift(ctx context.Context, entry *attachments.Entry, given *conf.List,
	at *Inspection) {
	overrides := s.overrides(given)
	switch {
	case s.manager.ChecksNothing(entry, overrides):
		at.miss("", unseenDrift, "the network sets disableCheck")
		return
	case entry.Netns == "" && s.request.Netns == "":
		at.miss("", unseenDrift, "the path of the namespace is not recorded; give netns")
		return
	}

	limited, cancel := context.WithTimeout(ctx, inspectLockTimeout)
	defer cancel()
	held, err := s.store.Lock(limited, entry.Key)
	if err != nil {
		at.fail(unseenDrift, err)
		return
	}
	defer held.Unlock()

	current, err := held.Get()
	if err != nil {
		at.miss("", unseenDrift, "the container was detached meanwhile")
		return
	}
	var findings lifecycle.Findings
	if err := s.manager.Check(ctx, current, overrides, &findings); err != nil {
		at.fail(unseenDrift, err)
	}
	at.Drift = findings.Drift()
}

// miss records what the answer lacks, and why.
func (v *Inspection) miss(pluginType, what, why string) {
	v.Unseen = append(v.Unseen, Unseen{Plugin: pluginType, What: what, Msg: why})
}

// fail records an error, with the plugin that it is about.
func (v *Inspection) fail(what string, err error) {
	var e *fault.Error
	if errors.As(err, &e) && e.Plugin != nil {
		v.miss(e.Plugin.Type, what, e.Msg)
		return
	}
	v.miss("", what, err.Error())
}

func inspectionOf(a *Attachment) Inspection {
	return Inspection{Network: a.Network, ContainerID: a.ContainerID, IfName: a.IfName, Netns: a.Netns,
		Owner: a.Owner, Args: a.Args, CapabilityArgs: a.CapabilityArgs, Result: a.Result,
		Config: a.Config, State: a.State, Objects: []HostObject{}}
}

func hostObjectOf(pluginType string, o plugin.Object) HostObject {
	object := HostObject{Plugin: pluginType, Kind: string(o.Kind), Name: o.Name, Text: o.Text,
		Comment: o.Comment, Scope: string(o.Scope), Matched: counterOf(o.Matched)}
	if l := o.Link; l != nil {
		object.Link = &HostLink{Index: l.Index, Type: l.Type, MAC: l.MAC, MTU: l.MTU, Up: l.Up,
			Carrier: l.Carrier, Master: l.Master, Vlans: l.VLANs, Received: counterOf(l.Received),
			Sent: counterOf(l.Sent)}
	}
	return object
}

func counterOf(c *plugin.Counter) *Counter {
	if c == nil {
		return nil
	}
	return &Counter{Packets: int(c.Packets), Bytes: int(c.Bytes), Dropped: int(c.Dropped)}
}
