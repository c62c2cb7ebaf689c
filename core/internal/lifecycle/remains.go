package lifecycle

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
)

// forceAdvice ends the message of an undo or DEL that failed.
const forceAdvice = "run DEL with force to go on past the failing plugin and forget the attachment"

// Detach runs DEL of an attachment's plugins in reverse order and removes its entry. At a failing
// plugin it stops and keeps the entry for a retry: an address must not be released while rules for
// it remain. With force it continues, and removes the entry in any case.
//
// The configuration and arguments of an ADD that never succeeded may be why it failed, and then its
// DEL fails for the same reason. They give way to those of the request.
func (m *Manager) Detach(ctx context.Context, held *attachments.Held, entry *attachments.Entry,
	overrides *Overrides, force bool) error {
	err := m.detach(ctx, held, entry, overrides, force)
	if err == nil || force {
		return err
	}
	if entry.Incomplete && ctx.Err() == nil && m.detachAsRequested(ctx, held, entry, overrides) {
		m.Events.Warn("", fmt.Sprintf("the remains of a failed ADD of %s were removed with the "+
			"configuration and arguments of this request; with those of the ADD the DEL fails: %v",
			entry.Key, err))
		return nil
	}
	return withAdvice(err, forceAdvice)
}

// detachAsRequested removes the remains of a failed ADD with the configuration and the arguments of
// the request alone, and reports whether it did. It does nothing if they are those of the ADD.
func (m *Manager) detachAsRequested(ctx context.Context, held *attachments.Held,
	entry *attachments.Entry, overrides *Overrides) bool {
	list := m.requestedConfig(entry, overrides)
	if list == nil || bytes.Equal(list.Raw, entry.Config) &&
		slices.Equal(overrides.Args, entry.Args) &&
		maps.EqualFunc(overrides.CapabilityArgs, entry.CapabilityArgs, sameValue) {
		return false
	}

	asRequested := *entry
	asRequested.Config, asRequested.CNIVersion = list.Raw, list.CNIVersion
	asRequested.Args, asRequested.CapabilityArgs = overrides.Args, overrides.CapabilityArgs
	asRequested.Result = nil
	with := *overrides
	with.Config = list
	return m.detach(ctx, held, &asRequested, &with, false) == nil
}

func sameValue(a, b jsontext.Value) bool { return bytes.Equal(a, b) }

// requestedConfig returns the configuration that the request is about: the one in it, or the one
// that the network has now. It is nil if there is none.
func (m *Manager) requestedConfig(entry *attachments.Entry, overrides *Overrides) *conf.List {
	if list := cmp.Or(overrides.Config, overrides.Current); list != nil {
		return list
	}
	list, err := conf.Find(m.ConfDir, entry.Network)
	if err != nil {
		return nil
	}
	return list
}

// withAdvice adds what to do to the details of a plugin's error, unless the plugin gave some. An
// error of time is left alone: a retry is enough.
func withAdvice(err error, advice string) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Plugin == nil || e.Details != "" {
		return err
	}
	switch e.Kind {
	case fault.KindTimeout, fault.KindCancelled, fault.KindBusy:
		return err
	}
	with := *e
	with.Details = advice
	return &with
}

// mayHaveRun reports whether ADD of plugin i may have been started. The intent of a failed ADD
// records the plugins that may have left something.
func (c *chain) mayHaveRun(i int) bool {
	if !c.entry.Incomplete || c.entry.ByGoLibcni {
		return true
	}
	_, ran := c.recorded(i)
	return ran
}

// keepIntent records in the intent that only the plugins up to last may have left something. If the
// host's end of the interface pair is still there, it will tell whether the namespace is gone.
func (a *addition) keepIntent(ctx context.Context, last int) {
	entry := a.chain.entry
	entry.Plugins = entry.Plugins[:last+1]
	if n := len(a.results); n > 0 && entry.HostCookie == 0 {
		_ = a.recordNamedHostLink(ctx, a.results[n-1]) // without it the namespace proves itself
	}
	if entry.HostCookie != 0 && !a.hasHostLink(ctx) {
		entry.HostCookie = 0 // an undo that removed the link would prove a living namespace gone
	}
	if err := a.held.WriteIntent(entry); err != nil { // the one that is there names more plugins
		a.chain.events.Warn("", err.Error())
	}
}

// hasHostLink reports whether the recorded host's end of the interface pair is seen to exist.
func (a *addition) hasHostLink(ctx context.Context) bool {
	host, err := a.chain.links.Host(ctx)
	if err == nil {
		_, err = host.LinkByName(ctx, a.chain.entry.HostIfName)
	}
	return err == nil
}
