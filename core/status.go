package core

import (
	"context"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// StatusRequest is the request of cni_status.
type StatusRequest struct {
	Common
}

// Status asks each plugin of a network whether an ADD could succeed now. Code 50 means no, 51 with limits.
func (e *Engine) Status(ctx context.Context, caller Caller, r *StatusRequest) (none, error) {
	return within(ctx, e, caller, plugin.Status, &r.Common, (*scope).status)
}

func (s *scope) status(ctx context.Context) (none, error) {
	list, err := s.network()
	if err != nil {
		return none{}, err
	}
	entry := &attachments.Entry{Key: attachments.Key{Network: list.Name}, CNIVersion: list.CNIVersion}
	o := s.newOperation(list, entry, nil)
	defer o.close()
	for i := range list.Plugins {
		if err := o.runWithout(ctx, plugin.Status, i, nil); err != nil {
			return none{}, err
		}
	}
	return none{}, nil
}

// runWithout asks plugin number i something that is not about one attachment: STATUS and GC, which plugin processes
// know since version 1.1.0 of the specification.
func (o *operation) runWithout(ctx context.Context, command string, i int, keep []plugin.AttachmentID) error {
	target, err := o.target(i)
	if err != nil {
		return o.blame(err, i, target)
	}
	if !target.Builtin && !spec.HasGC(o.list.CNIVersion) {
		return nil
	}
	inv, err := o.invocation(command, i, target, nil)
	if err != nil {
		return o.blame(err, i, target)
	}
	if command == plugin.GC {
		inv.ValidAttachments = keep
		input := conf.Input{CNIVersion: o.entry.CNIVersion, ValidAttachments: &keep}
		if inv.Config, err = o.list.Derive(i, input); err != nil {
			return o.blame(err, i, target)
		}
	}
	if _, err := o.runner.Run(ctx, target, inv); err != nil {
		return o.blame(err, i, target)
	}
	return nil
}
