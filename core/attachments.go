package core

import (
	"context"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/lifecycle"
)

const (
	stateIncomplete = "incomplete"
	stateStale      = "stale"
	stateUnknown    = "unknown"
)

// Attachments lists what is attached.
func (e *Engine) Attachments(ctx context.Context, caller Caller,
	r *AttachmentsRequest) (*AttachmentsAnswer, error) {
	return serve(ctx, e.incoming(caller, "", &r.Common), (*scope).attachments)
}

func (s *scope) attachments(ctx context.Context) (*AttachmentsAnswer, error) {
	network, _, err := s.networkFilter()
	if err != nil {
		return nil, err
	}

	now, err := s.now()
	if err != nil {
		return nil, err
	}

	entries, unusable, err := s.allEntries()
	if err != nil {
		return nil, err
	}

	answer := &AttachmentsAnswer{AsOf: now.String(), Errors: fileErrors(unusable),
		Attachments: make([]Attachment, 0, len(entries))}
	for _, entry := range entries {
		r := &s.request
		if !matches(network, entry.Network) || !matches(r.ContainerID, entry.ContainerID) ||
			!matches(r.IfName, entry.IfName) {
			continue
		}

		attachment := lifecycle.Describe(entry)
		if attachment.State, err = s.state(ctx, entry); err != nil {
			return nil, err
		}

		answer.Attachments = append(answer.Attachments, *attachment)
	}

	return answer, nil
}

// now returns the present moment.
func (s *scope) now() (attachments.AsOf, error) {
	sinceBoot, err := s.manager.Clock.Now()
	return attachments.AsOf{BootID: s.bootID, Now: sinceBoot, Wall: time.Now()}, err
}

// networkFilter returns the name of the network the request asks for, or "" for all, and the
// configuration in the request, if any.
func (s *scope) networkFilter() (string, *conf.List, error) {
	if !s.request.namesNetwork() {
		return "", nil, nil
	}
	return s.networkReference()
}

// matches compares a name with a filter; the empty filter matches all.
func matches(filter, name string) bool { return filter == "" || name == filter }

func (s *scope) state(ctx context.Context, entry *attachments.Entry) (string, error) {
	if entry.Incomplete {
		return stateIncomplete, nil
	}

	ns, presence, err := s.manager.Locate(ctx, entry, lifecycle.Candidate{Path: entry.Netns})
	if err != nil {
		return "", err
	}

	ns.Close()
	switch presence {
	case lifecycle.Present, lifecycle.Living:
		return lifecycle.StateAttached, nil
	case lifecycle.Gone:
		return stateStale, nil
	default:
		return stateUnknown, nil
	}
}
