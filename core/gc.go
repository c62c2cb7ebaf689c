package core

import (
	"context"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/plugin"
)

// GCRequest is the request of cni_gc.
type GCRequest struct {
	Common
	ValidAttachments *[]AttachmentRef `json:"validAttachments"`
	AsOf             string           `json:"asOf"`
	DryRun           bool             `json:"dryRun"`
}

func (r *GCRequest) fields() jsonobject.Fields {
	refs := func(list *[]AttachmentRef) any { return jsonobject.List(list, (*AttachmentRef).fields) }
	return r.with(jsonobject.Fields{
		{"validAttachments", jsonobject.Optional(&r.ValidAttachments, refs)}, {"asOf", &r.AsOf}, {"dryRun", &r.DryRun},
	}...)
}

// AttachmentRef names an attachment within a network.
type AttachmentRef struct {
	ContainerID string `json:"containerId"`
	IfName      string `json:"ifName"`
}

func (r *AttachmentRef) fields() any {
	return jsonobject.Fields{{"containerId", &r.ContainerID}, {"ifName", &r.IfName}}
}

// GCAnswer says what was removed, or would be.
type GCAnswer struct {
	Removed []AttachmentName `json:"removed"`
}

// GC removes the owner's attachments of a network that are not valid, and asks each plugin to do the same.
func (e *Engine) GC(ctx context.Context, caller Caller, r *GCRequest) (*GCAnswer, error) {
	return within(ctx, e, caller, plugin.GC, &r.Common, func(s *scope, ctx context.Context) (*GCAnswer, error) {
		list, err := s.network()
		if err != nil {
			return nil, err
		}
		c, err := s.newCollection(list, r)
		if err != nil {
			return nil, err
		}
		if list.DisableGC {
			return &GCAnswer{Removed: []AttachmentName{}}, nil
		}
		return c.run(ctx)
	})
}

// collection is one GC of one network.
type collection struct {
	*scope
	list   *conf.List
	valid  map[AttachmentRef]bool
	asOf   attachments.AsOf
	now    time.Duration
	dryRun bool
	keep   []plugin.AttachmentID // what the plugins must keep
	answer GCAnswer
}

func (s *scope) newCollection(list *conf.List, r *GCRequest) (*collection, error) {
	if r.ValidAttachments == nil {
		return nil, fault.InvalidRequest("validAttachments", "validAttachments is missing: give the attachments to keep, as [{containerId, ifName}]; an empty list removes all")
	}
	if r.AsOf == "" {
		return nil, fault.InvalidRequest("asOf", "asOf is missing: give the asOf of a cni_attachments call made before validAttachments was put together")
	}
	asOf, err := attachments.ParseAsOf(r.AsOf)
	if err != nil {
		return nil, fault.InvalidRequest("asOf", "asOf: %v", err)
	}
	if asOf.BootID != s.bootID {
		return nil, fault.InvalidRequest("asOf", "asOf %s is of an earlier boot; make the list of valid attachments anew, after a new cni_attachments call", r.AsOf)
	}
	now, err := boot.Now()
	if err != nil {
		return nil, err
	}
	c := &collection{scope: s, list: list, valid: map[AttachmentRef]bool{}, asOf: asOf, now: now, dryRun: r.DryRun}
	c.answer.Removed = []AttachmentName{}
	for _, ref := range *r.ValidAttachments {
		setDefault(&ref.IfName, defaultIfName)
		c.valid[ref] = true
		c.keep = append(c.keep, plugin.AttachmentID{ContainerID: ref.ContainerID, IfName: ref.IfName})
	}
	return c, nil
}

func (c *collection) run(ctx context.Context) (*GCAnswer, error) {
	held, err := c.store.LockNetwork(ctx, c.list.Name)
	if err != nil {
		return nil, err
	}
	defer held.Unlock()
	entries, unreadable := c.store.List()
	for _, err := range unreadable {
		c.events.Warn("", err.Error())
	}
	var errs []error
	for _, entry := range entries {
		if entry.Network != c.list.Name {
			continue
		}
		if err := c.collect(ctx, held, entry); err != nil {
			errs = append(errs, err)
		}
	}
	if !c.dryRun {
		errs = append(errs, c.collectInPlugins(ctx)...)
	}
	return &c.answer, joinFaults(errs)
}

// collect detaches one attachment, or notes that the plugins must keep it.
func (c *collection) collect(ctx context.Context, held *attachments.Held, entry *attachments.Entry) error {
	spared, err := c.spares(ctx, entry)
	if err != nil {
		return err
	}
	if spared {
		if !c.valid[AttachmentRef{ContainerID: entry.ContainerID, IfName: entry.IfName}] { // else it is in there
			c.keep = append(c.keep, plugin.AttachmentID{ContainerID: entry.ContainerID, IfName: entry.IfName})
		}
		return nil
	}
	if !c.dryRun {
		lock, err := held.Attachment(ctx, entry.Key)
		if err != nil {
			return err
		}
		defer lock.Unlock()
		if err := c.detach(ctx, lock, entry, nil, false); err != nil {
			return err
		}
	}
	c.answer.Removed = append(c.answer.Removed, nameOf(entry.Key))
	return nil
}

// spares decides whether an attachment stays: it is somebody else's, or it works and is valid, newer than the list
// of valid ones, or too young to be in it.
func (c *collection) spares(ctx context.Context, entry *attachments.Entry) (bool, error) {
	if !c.owns(entry) {
		return true, nil
	}
	if entry.Incomplete {
		return false, nil // the network's lock is ours, so no ADD is at work on it
	}
	ns, presence, err := c.locate(ctx, entry, entry.Netns)
	if err != nil {
		return false, err
	}
	ns.Close()
	if presence == gone {
		return false, nil
	}
	listed := c.valid[AttachmentRef{ContainerID: entry.ContainerID, IfName: entry.IfName}]
	young := entry.BootID == c.bootID && c.now-entry.Created < freshness
	return listed || young || entry.NewerThan(c.asOf), nil
}

// owns reports whether the request's owner is that of an attachment. Those of Go's libcni have none.
func (s *scope) owns(entry *attachments.Entry) bool {
	return s.Options.Owner == anyOwner || !entry.Foreign && entry.Owner == s.Options.Owner
}

// collectInPlugins sends GC to each plugin. Plugin processes know GC since version 1.1.0 of the specification.
func (c *collection) collectInPlugins(ctx context.Context) []error {
	entry := &attachments.Entry{Key: attachments.Key{Network: c.list.Name}, CNIVersion: c.list.CNIVersion}
	o := c.newOperation(c.list, entry, nil)
	defer o.close()
	var errs []error
	for i := range c.list.Plugins {
		if err := o.runWithout(ctx, plugin.GC, i, c.keep); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
