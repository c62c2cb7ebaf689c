package core

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/plugin"
)

// AddRequest is the request of cni_add.
type AddRequest struct {
	Common
}

// Add attaches a container to a network and returns the CNI result, in the configuration's version.
func (e *Engine) Add(ctx context.Context, caller Caller, r *AddRequest) (jsontext.Value, error) {
	return within(ctx, e, caller, plugin.Add, &r.Common, (*scope).add)
}

func (s *scope) add(ctx context.Context) (jsontext.Value, error) {
	list, err := s.network()
	if err != nil {
		return nil, err
	}
	key, err := s.key(list.Name)
	if err != nil {
		return nil, err
	}
	ns, err := s.openNetns()
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	held, err := s.store.Lock(ctx, key)
	if err != nil {
		return nil, err
	}
	defer held.Unlock()

	o := s.newOperation(list, nil, ns)
	defer o.close()
	o.held = held
	if o.entry, err = s.newEntry(key, list); err != nil {
		return nil, err
	}
	if err := o.resolve(); err != nil {
		return nil, err
	}
	existing, err := held.Get()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if o.entry.Cookie, err = ns.Cookie(ctx); err != nil { // so late because before Linux 6.18 a thread is finding out
		return nil, err
	}
	if err := o.makeRoom(ctx, existing); err != nil {
		return nil, err
	}
	return o.attach(ctx)
}

// newEntry is what will be on disk about the attachment, known before anything is made, but for the namespace's cookie.
func (s *scope) newEntry(key attachments.Key, list *conf.List) (*attachments.Entry, error) {
	created, err := boot.Now()
	if err != nil {
		return nil, err
	}
	return &attachments.Entry{
		Key: key, Netns: s.Netns, Owner: s.Options.Owner, Created: created, BootID: s.bootID,
		CNIVersion: list.CNIVersion, Config: list.Raw, Args: plugin.Args(s.Args), CapabilityArgs: s.CapabilityArgs,
		HostIfName: newHostIfName(), Incomplete: true,
	}, nil
}

// newHostIfName names the host's end of an interface pair: "veth" and 32 random bits, as the reference plugins do.
func newHostIfName() string {
	var random [4]byte
	rand.Read(random[:]) // never fails, as crypto/rand documents
	return "veth" + hex.EncodeToString(random[:])
}

// resolve finds all plugins before the first one runs, and notes which implementation of each is used.
func (o *operation) resolve() error {
	for i, p := range o.list.Plugins {
		target, err := o.runner.Resolve(p.Type, p.Raw)
		if err != nil {
			return o.blame(err, i, target)
		}
		o.entry.Plugins = append(o.entry.Plugins, attachments.Ran{Type: target.Type, Builtin: target.Builtin, Path: target.Path})
	}
	return nil
}

// makeRoom decides what ADD does about what is there already, if entry is not nil: an attachment that works is left as it
// is, and the remains of one that does not are removed.
func (o *operation) makeRoom(ctx context.Context, entry *attachments.Entry) error {
	if entry == nil {
		return o.refuseTakenLink(ctx)
	}
	works, err := o.works(ctx, entry)
	if err != nil {
		return err
	}
	if works && o.Options.OnExisting != onExistingReplace {
		e := fault.New(fault.KindExists, nil, "container %s is attached to network %s as %s already; detach it first, or set options.onExisting to replace", entry.ContainerID, entry.Network, entry.IfName)
		e.Existing = describeEntry(entry)
		return e
	}
	if err := o.scope.detach(ctx, o.held, entry, nil, false); err != nil {
		return o.blameRemains(err)
	}
	return o.refuseTakenLink(ctx)
}

func (o *operation) blameRemains(err error) error {
	e := fault.From(err, fault.KindState)
	e.Msg = "removing the remains of an earlier attachment of the same name: " + e.Msg
	return e
}

// works reports whether an attachment is complete and its namespace and interface are there.
func (o *operation) works(ctx context.Context, entry *attachments.Entry) (bool, error) {
	if entry.Incomplete {
		return false, nil
	}
	ns, _, err := o.locate(ctx, entry, entry.Netns, o.Netns)
	if err != nil || ns == nil {
		return false, err
	}
	defer ns.Close()
	if !o.makesInterface(o.list) {
		return true, nil
	}
	inside := o.newOperation(o.list, entry, ns)
	defer inside.close()
	link, err := containerLink(ctx, inside.links, entry.IfName)
	return link != nil, err
}

// refuseTakenLink stops an ADD whose interface name is taken in the namespace by something this state knows nothing of:
// a running container whose cache was lost is left as it is.
func (o *operation) refuseTakenLink(ctx context.Context) error {
	if !o.makesInterface(o.list) {
		return nil
	}
	link, err := containerLink(ctx, o.links, o.entry.IfName)
	if err != nil || link == nil {
		return err
	}
	holder, err := o.holder(ctx, o.netns, o.entry.IfName)
	if err != nil {
		return err
	}
	if holder != nil {
		e := fault.New(fault.KindExists, nil, "netns %s has an interface %s already, of container %s on network %s; choose another ifName, or detach that first",
			o.Netns, o.entry.IfName, holder.ContainerID, holder.Network)
		e.Existing = describeEntry(holder)
		return e
	}
	return fault.New(fault.KindExists, nil, "netns %s has an interface %s already, and no attachment is known that made it; remove it or choose another ifName", o.Netns, o.entry.IfName)
}
