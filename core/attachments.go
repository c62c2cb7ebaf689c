package core

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/boot"
)

// AttachmentsRequest is the request of cni_attachments: all, or those of containerId, of network (a name), of ifName.
type AttachmentsRequest struct {
	Common
}

// AttachmentsAnswer lists what is attached.
type AttachmentsAnswer struct {
	AsOf        string       `json:"asOf"` // for GC: the moment before the list was made
	Attachments []Attachment `json:"attachments"`
}

// Attachment is what is known of one attachment. State is attached, incomplete (an ADD did not complete) or stale (its
// namespace is gone).
type Attachment fault.Attachment

const (
	stateAttached   = "attached"
	stateIncomplete = "incomplete"
	stateStale      = "stale"
)

// Attachments lists what is attached.
func (e *Engine) Attachments(ctx context.Context, caller Caller, r *AttachmentsRequest) (*AttachmentsAnswer, error) {
	return within(ctx, e, caller, "", &r.Common, (*scope).attachments)
}

func (s *scope) attachments(ctx context.Context) (*AttachmentsAnswer, error) {
	network, err := s.attachmentFilter()
	if err != nil {
		return nil, err
	}
	now, err := boot.Now()
	if err != nil {
		return nil, err
	}
	answer := &AttachmentsAnswer{AsOf: attachments.AsOf{BootID: s.bootID, Now: now}.String(), Attachments: []Attachment{}}
	entries, unreadable := s.store.List()
	for _, err := range unreadable {
		s.events.Warn("", err.Error())
	}
	for _, entry := range entries {
		if !matches(network, entry.Network) || !matches(s.ContainerID, entry.ContainerID) || !matches(s.IfName, entry.IfName) {
			continue
		}
		attachment := describeEntry(entry)
		if attachment.State, err = s.state(ctx, entry); err != nil {
			return nil, err
		}
		answer.Attachments = append(answer.Attachments, Attachment(*attachment))
	}
	return answer, nil
}

// attachmentFilter returns the name of the network the request asks for, or "".
func (s *scope) attachmentFilter() (string, error) {
	if !s.hasNetwork() {
		return "", nil
	}
	name, _, err := s.namedOrGiven()
	return name, err
}

func matches(wanted, is string) bool { return wanted == "" || wanted == is }

func (s *scope) state(ctx context.Context, entry *attachments.Entry) (string, error) {
	if entry.Incomplete {
		return stateIncomplete, nil
	}
	ns, presence, err := s.locate(ctx, entry, entry.Netns)
	if err != nil {
		return "", err
	}
	ns.Close()
	if presence == there {
		return stateAttached, nil
	}
	return stateStale, nil
}

// describeEntry is an entry as the public API shows it, without its state.
func describeEntry(entry *attachments.Entry) *fault.Attachment {
	return &fault.Attachment{
		Network: entry.Network, ContainerID: entry.ContainerID, IfName: entry.IfName, Netns: entry.Netns,
		Owner: entry.Owner, Args: entry.Args, CapabilityArgs: presentableArgs(entry.CapabilityArgs),
		Result: presentable(entry.Result), Config: presentable(entry.Config), State: stateAttached,
	}
}

// presentable returns what may be part of an answer. Files hold what others wrote too: JSON with a name twice in an
// object, or that is not UTF-8, is none for whoever reads the answer.
func presentable(text jsontext.Value) jsontext.Value {
	if text.IsValid() {
		return text
	}
	return nil
}

func presentableArgs(args map[string]jsontext.Value) map[string]jsontext.Value {
	presented := make(map[string]jsontext.Value, len(args))
	for name, value := range args {
		if value.IsValid() {
			presented[name] = value
		}
	}
	return presented
}
