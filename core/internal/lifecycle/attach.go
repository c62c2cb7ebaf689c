package lifecycle

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
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/plugin"
)

// AttachRequest is an attachment that an ADD is to make.
type AttachRequest struct {
	Key            attachments.Key
	Config         *conf.List
	Netns          *netns.Namespace
	Owner          string
	Args           plugin.Args
	CapabilityArgs map[string]jsontext.Value

	Replace bool // an existing attachment of the same name
	// RefuseUnused refuses capability arguments that no plugin takes.
	RefuseUnused bool

	NoRollback bool // a failed ADD leaves what it made to DEL or GC
}

// Attach makes an attachment, whose lock is held, and returns its result. An existing attachment
// that works is left as it is, unless it is to be replaced; the remains of one that does not work
// are removed.
func (m *Manager) Attach(ctx context.Context, held *attachments.Held,
	request *AttachRequest) (jsontext.Value, error) {
	entry, err := m.newEntry(request)
	if err != nil {
		return nil, err
	}

	c := m.newChain(request.Config, entry, request.Netns)
	defer c.close()
	if err := c.resolve(); err != nil {
		return nil, err
	}
	if err := c.reportUnused(ctx, request.RefuseUnused); err != nil {
		return nil, err
	}
	if err := c.validate(ctx); err != nil {
		return nil, err
	}

	claimed, err := m.claim(ctx, request.Key)
	if err != nil {
		return nil, err
	}
	if err := m.prepare(ctx, held, c, request); err != nil {
		if claimed {
			_ = m.Store.Unclaim(request.Key) // a claim without an attachment gives way
		}
		return nil, err
	}

	a := &addition{chain: c, held: held, store: m.Store, clock: m.Clock,
		noRollback: request.NoRollback}
	if err := m.runSwept(ctx, a); err != nil {
		return nil, err
	}
	return entry.Result, nil
}

// prepare removes the remains of an earlier attachment of the same name, and refuses the ADD if the
// attachment or the interface exists.
func (m *Manager) prepare(ctx context.Context, held *attachments.Held, c *chain,
	request *AttachRequest) error {
	existing, err := held.Get()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	// Before Linux 6.18 a thread fetches the cookie, while the lines above run.
	if c.entry.Cookie, err = request.Netns.Cookie(ctx); err != nil {
		return err
	}
	c.entry.Inode = request.Netns.Inode()
	if existing != nil {
		if err := m.resolveExisting(ctx, held, existing, request); err != nil {
			return err
		}
		if err := reclaim(ctx, m.Store, request.Key); err != nil { // it went with the remains
			return err
		}
	}
	return m.refuseTakenLink(ctx, c)
}

// newEntry returns what will be on disk about the attachment, which is known before anything is
// made, except for the cookie of the namespace.
func (m *Manager) newEntry(request *AttachRequest) (*attachments.Entry, error) {
	created, err := m.Clock.Now()
	if err != nil {
		return nil, err
	}
	return &attachments.Entry{
		Key: request.Key, Netns: request.Netns.Path(), Owner: request.Owner,
		Created: created, BootID: m.BootID, CNIVersion: request.Config.CNIVersion,
		Config: request.Config.Raw, Args: request.Args,
		CapabilityArgs: request.CapabilityArgs, HostIfName: newHostIfName(), Incomplete: true,
	}, nil
}

// newHostIfName names the host's end of an interface pair: "veth" and 32 random bits, as the
// reference plugins do.
func newHostIfName() string {
	var random [4]byte
	rand.Read(random[:]) // never fails, as crypto/rand documents
	return "veth" + hex.EncodeToString(random[:])
}

// addition is one ADD: of an attachment of whose name nothing is left.
type addition struct {
	chain      *chain
	held       *attachments.Held
	store      *attachments.Store
	clock      *boot.Clock
	noRollback bool

	results []*plugin.Result // of the plugins that have succeeded, in order
}

// run runs the plugins and stores the result. The intent is written first, so that a DEL or GC can
// undo the ADD even if this process is killed.
func (a *addition) run(ctx context.Context) error {
	if err := a.held.WriteIntent(a.chain.entry); err != nil {
		_ = a.store.Unclaim(a.chain.entry.Key) // a claim without an attachment gives way
		return err
	}
	err := a.addAll(ctx)
	if err == nil {
		err = a.commit(ctx)
	}
	if err != nil {
		return a.rollBack(ctx, err)
	}
	return nil
}

// addAll runs ADD of each plugin in order. If a plugin does not know the configuration's version,
// the others are undone and all are tried again, once, with the highest version that every plugin
// of the list knows.
func (a *addition) addAll(ctx context.Context) error {
	err := a.addEach(ctx)
	if !fault.IsIncompatibleVersion(err) {
		return err
	}

	entry := a.chain.entry
	version, negotiateErr := a.chain.sharedVersion(ctx)
	if negotiateErr != nil || version == "" || version == entry.CNIVersion {
		return err
	}
	if undoErr := a.undo(ctx, len(a.results)-1); undoErr != nil {
		return errors.Join(err, undoErr)
	}

	a.results, entry.CNIVersion = nil, version
	if err := a.held.WriteIntent(entry); err != nil {
		return err
	}

	return a.addEach(ctx)
}

func (a *addition) addEach(ctx context.Context) error {
	var previous *plugin.Result
	for i := range a.chain.list.Plugins {
		result, err := a.chain.add(ctx, i, previous)
		if err != nil {
			return err
		}
		a.results = append(a.results, result)
		previous = result
	}
	return nil
}

// commit turns the intent into a cache entry.
func (a *addition) commit(ctx context.Context) error {
	list, entry := a.chain.list, a.chain.entry
	last := len(a.results) - 1
	result, err := a.results[last].JSON(list.CNIVersion)
	if err != nil {
		err = fault.New(fault.KindPluginProtocol, err, "the result of the last plugin")
		return a.chain.attribute(err, last, invoke.Target{Type: list.Plugins[last].Type})
	}

	entry.Result, entry.Incomplete = result, false
	if entry.Created, err = a.clock.Now(); err != nil { // for GC, it exists from now on
		return err
	}

	if err := a.recordInterface(ctx, a.results[last]); err != nil {
		return err
	}
	return a.store.Commit(entry)
}

// recordInterface records which interface the attachment has, and the host's end of it. The plugin
// that made it may have said so.
func (a *addition) recordInterface(ctx context.Context, result *plugin.Result) error {
	entry := a.chain.entry
	if made := result.Interface(); made != nil {
		entry.IfIndex, entry.MAC = made.Index, made.MAC.String()
		return a.recordNamedHostLink(ctx, result)
	}

	link, err := containerLink(ctx, a.chain.links, entry.IfName)
	if err != nil || link == nil {
		return err
	}
	entry.IfIndex, entry.MAC = link.Index, link.MAC.String()
	if link.Kind != "veth" || !link.PeerElsewhere {
		return nil
	}
	return a.recordHostLink(ctx, link)
}
