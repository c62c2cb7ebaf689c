package core

import (
	"context"
	"fmt"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/lifecycle"
	"github.com/libcni/libcni/core/plugin"
)

// GC removes the owner's attachments of a network that are not in validAttachments, and runs GC of
// each plugin.
func (e *Engine) GC(ctx context.Context, caller Caller, r *GCRequest) (*GCAnswer, error) {
	return serve(ctx, e.incoming(caller, plugin.GC, &r.Common),
		func(s *scope, ctx context.Context) (*GCAnswer, error) {
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

// freshness is the age below which GC keeps an attachment.
const freshness = 60 * time.Second

// collection is one GC of one network.
type collection struct {
	scope  *scope
	list   *conf.List
	valid  map[ValidAttachment]bool
	asOf   attachments.AsOf
	now    attachments.AsOf
	dryRun bool
	keep   []plugin.AttachmentID // attachments that the plugins must keep
	answer GCAnswer
}

func (s *scope) newCollection(list *conf.List, r *GCRequest) (*collection, error) {
	if r.ValidAttachments == nil {
		return nil, fault.InvalidRequest("validAttachments",
			"validAttachments is required: give the attachments to keep, as [{containerId, ifName}]; an "+
				"empty list removes all")
	}
	if r.AsOf == "" {
		return nil, fault.InvalidRequest("asOf",
			"asOf is required: give the asOf of a cni_attachments call made before the list of valid "+
				"attachments was made")
	}

	asOf, err := attachments.ParseAsOf(r.AsOf)
	if err != nil {
		return nil, fault.InvalidRequest("asOf", "asOf: %v", err)
	}

	if asOf.BootID != s.bootID {
		return nil, fault.InvalidRequest("asOf",
			"asOf %s is of an earlier boot; call cni_attachments again and make a new list of valid "+
				"attachments", r.AsOf)
	}

	now, err := s.now()
	if err != nil {
		return nil, err
	}

	c := &collection{scope: s, list: list, valid: map[ValidAttachment]bool{}, asOf: asOf, now: now,
		dryRun: r.DryRun}
	c.answer.Removed = []AttachmentName{}
	for i, ref := range *r.ValidAttachments {
		if err := ref.validate(i); err != nil {
			return nil, err
		}
		setDefault(&ref.IfName, defaultIfName)
		c.valid[ref] = true
		c.keep = append(c.keep, plugin.AttachmentID{ContainerID: ref.ContainerID, IfName: ref.IfName})
	}

	return c, nil
}

// validate refuses an element that names no attachment, such as null or {}: GC would remove the
// attachment that the caller meant.
func (v *ValidAttachment) validate(index int) error {
	if err := conf.ValidateContainerID(v.ContainerID); err != nil {
		key := fmt.Sprintf("validAttachments[%d].containerId", index)
		return fault.InvalidRequest(key, "validAttachments[%d]: %v; give the attachments to keep, as "+
			"[{containerId, ifName}]", index, err)
	}
	if v.IfName == "" {
		return nil // the default
	}
	if err := conf.ValidateIfName(v.IfName); err != nil {
		return fault.InvalidRequest(fmt.Sprintf("validAttachments[%d].ifName", index),
			"validAttachments[%d]: %v", index, err)
	}
	return nil
}

func (c *collection) run(ctx context.Context) (*GCAnswer, error) {
	held, err := c.scope.store.LockNetwork(ctx, c.list.Name)
	if err != nil {
		return nil, err
	}
	defer held.Unlock()
	entries, unusable, err := c.scope.allEntries()
	if err != nil {
		return nil, err
	}
	c.keepUnusable(unusable)

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

	return &c.answer, fault.Join(errs)
}

// keepUnusable keeps what the plugins made for attachments whose records cannot be used: their
// containers may run.
func (c *collection) keepUnusable(unusable []attachments.Unusable) {
	for _, u := range unusable {
		if !u.MayConcern(c.list.Name) {
			continue
		}
		c.answer.Errors = append(c.answer.Errors, fileErrors([]attachments.Unusable{u})...)
		for _, key := range u.Keys {
			if key.Network == c.list.Name {
				c.keep = append(c.keep, plugin.AttachmentID{ContainerID: key.ContainerID, IfName: key.IfName})
			}
		}
	}
}

// collectInPlugins runs GC of each plugin. Without knowing which attachments other caches have, it
// runs none.
func (c *collection) collectInPlugins(ctx context.Context) []error {
	elsewhere, err := c.scope.manager.KeptElsewhere(ctx, c.list.Name)
	if err != nil {
		return []error{err}
	}
	return c.scope.manager.GC(ctx, c.list, append(c.keep, elsewhere...))
}

// collect detaches one attachment, or adds it to those that the plugins must keep.
func (c *collection) collect(ctx context.Context, held *attachments.Held,
	entry *attachments.Entry) error {
	keep, err := c.keeps(ctx, entry)
	if err != nil {
		return err
	}

	if keep {
		if !c.isListed(entry) { // otherwise it is in c.keep already
			c.keep = append(c.keep, idOf(entry))
		}

		return nil
	}
	if !c.dryRun {
		lock, err := held.Attachment(ctx, entry.Key)
		if err != nil {
			return err
		}
		defer lock.Unlock()
		overrides := c.scope.overrides(nil)
		overrides.Current = c.list
		if err := c.scope.manager.Detach(ctx, lock, entry, overrides, false); err != nil {
			return err
		}
	}

	c.answer.Removed = append(c.answer.Removed, nameOf(entry.Key))
	return nil
}

// keeps reports whether an attachment stays. One of another owner stays, and so does a valid one of
// this boot: whatever its path leads to from here, the caller knows it. Others stay if their
// namespace may exist and they are newer than the list of valid attachments, or too young to be in
// it.
func (c *collection) keeps(ctx context.Context, entry *attachments.Entry) (bool, error) {
	switch {
	case !c.scope.owns(entry):
		return true, nil
	case entry.Incomplete: // this call holds the network's lock, so no ADD is in progress
		return false, nil
	case c.scope.manager.IsOfEarlierBoot(entry):
		return false, nil
	case c.isListed(entry):
		return true, nil
	}

	ns, presence, err := c.scope.manager.Locate(ctx, entry, lifecycle.Candidate{Path: entry.Netns})
	if err != nil {
		return false, err
	}
	ns.Close()
	if presence == lifecycle.Gone {
		return false, nil
	}

	return entry.Age(c.now) < freshness || entry.NewerThan(c.asOf, c.now), nil
}

// idOf returns the identity of an attachment for the plugins of its network.
func idOf(entry *attachments.Entry) plugin.AttachmentID {
	return plugin.AttachmentID{ContainerID: entry.ContainerID, IfName: entry.IfName}
}

// isListed reports whether an attachment is one of validAttachments.
func (c *collection) isListed(entry *attachments.Entry) bool {
	return c.valid[ValidAttachment{ContainerID: entry.ContainerID, IfName: entry.IfName}]
}

// owns reports whether an attachment has the request's owner. Attachments of Go's libcni have no
// owner.
func (s *scope) owns(entry *attachments.Entry) bool {
	owner := s.request.Options.Owner
	return owner == anyOwner || !entry.ByGoLibcni && entry.Owner == owner
}
