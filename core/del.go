package core

import (
	"context"
	"fmt"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/lifecycle"
	"github.com/libcni/libcni/core/plugin"
)

// Del detaches a container from the given network, or from all. It succeeds if there is nothing to
// detach. Attachments in another namespace than the request's, or of another owner, remain.
func (e *Engine) Del(ctx context.Context, caller Caller, r *DelRequest) (*DelAnswer, error) {
	return serve(ctx, e.incoming(caller, plugin.Del, &r.Common),
		func(s *scope, ctx context.Context) (*DelAnswer, error) {
			if s.request.namesNetwork() {
				return s.delOne(ctx, r.Force)
			}
			return s.delAll(ctx, r.Force)
		})
}

// delOne detaches from the given network, with the configuration in the request, the one of the
// ADD, or the one of that name in options.confDir, in this order.
func (s *scope) delOne(ctx context.Context, force bool) (*DelAnswer, error) {
	name, given, err := s.networkReference()
	if err != nil {
		return nil, err
	}
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	answer := &DelAnswer{Removed: []AttachmentName{}}
	return answer, s.delKey(ctx, key, given, force, answer)
}

// delAll detaches from every network to which the container is recorded as attached.
func (s *scope) delAll(ctx context.Context, force bool) (*DelAnswer, error) {
	if err := conf.ValidateContainerID(s.request.ContainerID); err != nil {
		return nil, err
	}

	entries, unusable, err := s.store.ByContainer(s.request.ContainerID, s.request.IfName)
	if err != nil {
		return nil, err
	}

	answer := &DelAnswer{Removed: []AttachmentName{}}
	var errs []error
	for _, entry := range entries {
		if err := s.delKey(ctx, entry.Key, nil, force, answer); err != nil {
			errs = append(errs, err)
		}
	}
	for _, u := range unusable {
		if err := s.delUnusable(ctx, u, force, answer); err != nil {
			errs = append(errs, err)
		}
	}
	return answer, fault.Join(errs)
}

// delUnusable removes an attachment whose record cannot be used, with the configuration that
// options.confDir has for it. The name of the record may have several meanings: the first that has
// a configuration counts.
func (s *scope) delUnusable(ctx context.Context, u attachments.Unusable, force bool,
	answer *DelAnswer) (err error) {
	for _, key := range u.Keys {
		if err = s.delKey(ctx, key, nil, force, answer); err == nil {
			return nil
		}
	}
	switch {
	case err != nil:
		return err
	case !force:
		return unusableRecord(u.Err, "detach from the network, which the request must name, or set "+
			"force to remove only the record")
	}

	answer.Found = true
	s.events.Warn("", "removed without undoing anything: "+u.Err.Error())
	return s.store.Discard(u)
}

// delUnknown removes what there is of an attachment without an entry. Its record may be unusable.
// An attachment that another cache records remains.
func (s *scope) delUnknown(ctx context.Context, held *attachments.Held, key attachments.Key,
	overrides *lifecycle.Overrides, force bool, answer *DelAnswer) error {
	cacheDir, err := s.manager.HeldElsewhere(ctx, key)
	if err != nil {
		return err
	}
	if cacheDir != "" {
		answer.Left = append(answer.Left, nameOf(key))
		s.leave(key, "it is recorded in "+cacheDir)
		return nil
	}

	damage := held.Damage()
	if owner := s.request.Options.Owner; damage != nil && s.ownerGiven && owner != anyOwner && !force {
		return unusableRecord(damage, "its owner is unknown: leave out options.owner, or set force")
	}

	err = s.manager.DetachUnknown(ctx, held, key, overrides, force)
	if err == nil && damage != nil {
		answer.Found = true
		answer.Removed = append(answer.Removed, nameOf(key))
	}
	return err
}

// delKey removes one attachment and adds it to the response. It opens the namespace first, so that
// its cookie is read from the kernel while the state is read from disk.
func (s *scope) delKey(ctx context.Context, key attachments.Key, given *conf.List, force bool,
	answer *DelAnswer) error {
	overrides := s.overrides(given)
	overrides.Netns = s.manager.Prefetch(s.request.Netns, (*netns.Namespace).PrefetchCookie)
	defer overrides.Netns.Close()
	return s.withLocked(ctx, key, func(held *attachments.Held, entry *attachments.Entry) error {
		if entry == nil {
			return s.delUnknown(ctx, held, key, overrides, force, answer)
		}

		inScope, err := s.delMeans(ctx, entry, overrides.Netns)
		if err != nil {
			return err
		}
		answer.Found = true
		if !inScope {
			answer.Left = append(answer.Left, nameOf(key))
			return nil
		}

		if err := s.manager.Detach(ctx, held, entry, overrides, force); err != nil {
			return err
		}
		answer.Removed = append(answer.Removed, nameOf(key))
		return nil
	})
}

// delMeans reports whether the options.owner and netns of a DEL, where they are given, include an
// attachment.
func (s *scope) delMeans(ctx context.Context, entry *attachments.Entry,
	requested lifecycle.Candidate) (bool, error) {
	if s.ownerGiven && !s.owns(entry) {
		s.leave(entry.Key, fmt.Sprintf("its owner is %q", entry.Owner))
		return false, nil
	}

	inScope, err := s.manager.InScope(ctx, entry, requested)
	if err == nil && !inScope {
		s.leave(entry.Key, fmt.Sprintf("it is in another network namespace (%s) than %s", entry.Netns,
			requested.Path))
	}
	return inScope, err
}

func (s *scope) leave(key attachments.Key, reason string) {
	s.events.Warn("", fmt.Sprintf("%s is left attached: %s", key, reason))
}

func nameOf(key attachments.Key) AttachmentName {
	return AttachmentName{Network: key.Network, ContainerID: key.ContainerID, IfName: key.IfName}
}
