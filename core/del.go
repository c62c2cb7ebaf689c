package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/plugin"
)

// DelRequest is the request of cni_del.
type DelRequest struct {
	Common
	Force bool `json:"force"` // go on past a failing plugin, and forget the attachment
}

func (r *DelRequest) fields() jsonobject.Fields {
	return r.with(jsonobject.Fields{{"force", &r.Force}}...)
}

// DelAnswer says what was removed.
type DelAnswer struct {
	Found   bool             `json:"found"`
	Removed []AttachmentName `json:"removed"`
}

// AttachmentName names an attachment of the container that a request is about.
type AttachmentName struct {
	Network     string `json:"network"`
	ContainerID string `json:"containerId"`
	IfName      string `json:"ifName"`
}

// Del detaches a container: from the network given, or from all. Nothing to detach is success.
func (e *Engine) Del(ctx context.Context, caller Caller, r *DelRequest) (*DelAnswer, error) {
	return within(ctx, e, caller, plugin.Del, &r.Common, func(s *scope, ctx context.Context) (*DelAnswer, error) {
		if s.hasNetwork() {
			return s.delOne(ctx, r.Force)
		}
		return s.delAll(ctx, r.Force)
	})
}

// delOne detaches from the network given: by the configuration given, or the one it was attached with, or the one of
// that name in options.confDir.
func (s *scope) delOne(ctx context.Context, force bool) (*DelAnswer, error) {
	name, given, err := s.namedOrGiven()
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

// delAll detaches from every network the container is known to be attached to.
func (s *scope) delAll(ctx context.Context, force bool) (*DelAnswer, error) {
	if err := conf.ValidateContainerID(s.ContainerID); err != nil {
		return nil, err
	}
	entries, err := s.store.ByContainer(s.ContainerID, s.IfName)
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
	return answer, joinFaults(errs)
}

func (s *scope) delKey(ctx context.Context, key attachments.Key, given *conf.List, force bool, answer *DelAnswer) error {
	s.expect((*netns.Namespace).PrefetchCookie)
	held, err := s.store.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer held.Unlock()
	entry, err := held.Get()
	if errors.Is(err, fs.ErrNotExist) {
		return s.delUnknown(ctx, held, key, given, force)
	}
	if err != nil {
		return err
	}
	if err := s.detach(ctx, held, entry, given, force); err != nil {
		return err
	}
	answer.Found = true
	answer.Removed = append(answer.Removed, nameOf(key))
	return nil
}

func nameOf(key attachments.Key) AttachmentName {
	return AttachmentName{Network: key.Network, ContainerID: key.ContainerID, IfName: key.IfName}
}

// delUnknown runs DEL for an attachment that nothing is known of, with the configuration given or the one on disk, so
// that the plugins can remove what they find. Without a configuration there is nothing to do.
func (s *scope) delUnknown(ctx context.Context, held *attachments.Held, key attachments.Key, list *conf.List, force bool) error {
	if list == nil {
		var err error
		list, err = conf.Find(s.Options.ConfDir, key.Network)
		var e *fault.Error
		if errors.As(err, &e) && e.Kind == fault.KindNetworkNotFound {
			return held.Remove()
		}
		if err != nil {
			return err
		}
	}
	if err := s.refuseOwnNetns(); err != nil {
		return err
	}
	if err := s.leaveAnothersNetns(ctx, key, list); err != nil {
		return err
	}
	entry := &attachments.Entry{Key: key, Netns: s.Netns, CNIVersion: list.CNIVersion, Config: list.Raw, Foreign: true}
	return s.detach(ctx, held, entry, list, force)
}

// leaveAnothersNetns drops the path of the request if the interface it leads to is known to be another attachment's: a
// DEL that is repeated may come when the pid in the path is another container's already.
func (s *scope) leaveAnothersNetns(ctx context.Context, key attachments.Key, list *conf.List) error {
	if s.Netns == "" {
		return nil
	}
	ns, err := s.open(s.Netns)
	if err != nil { // detach says what is to be said of it
		return nil
	}
	defer ns.Close()
	links := rtnl.NewSession(ns, s.engine.deleter)
	defer links.Close()
	if link, err := containerLink(ctx, links, key.IfName); err != nil || link == nil {
		return err
	}
	holder, err := s.holder(ctx, ns, key.IfName)
	if err != nil || holder == nil {
		return err
	}
	if holder.ContainerID == key.ContainerID && !s.makesInterface(list) {
		return nil // a chain on top of the interface
	}
	s.events.Warn("", fmt.Sprintf("netns %s is that of container %s now, and is left alone", s.Netns, holder.ContainerID))
	s.Netns = ""
	return nil
}

// refuseOwnNetns keeps a DEL that can only go by the path of the request from working on the host's own network.
func (s *scope) refuseOwnNetns() error {
	if s.Netns == "" {
		return nil
	}
	ns, err := netns.Open(s.Netns, nil)
	ns.Close()
	if errors.Is(err, netns.ErrOwn) {
		return namespaceError(s.Netns, err)
	}
	return nil
}
