package core

import (
	"context"
	"errors"
	"io/fs"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/lifecycle"
	"github.com/libcni/libcni/core/plugin"
)

// Check compares attachments with the state of the kernel. It returns an error of kind drift with
// all differences.
func (e *Engine) Check(ctx context.Context, caller Caller, r *CheckRequest) (none, error) {
	return serve(ctx, e.incoming(caller, plugin.Check, &r.Common), (*scope).check)
}

func (s *scope) check(ctx context.Context) (none, error) {
	keys, given, err := s.requested()
	if err != nil {
		return none{}, err
	}
	var findings lifecycle.Findings
	for _, key := range keys {
		if err := s.checkEntry(ctx, key, given, &findings); err != nil {
			return none{}, err
		}
	}
	return none{}, findings.Verdict()
}

// requested returns the attachments that the request names, and the configuration in the request,
// if any.
func (s *scope) requested() ([]attachments.Key, *conf.List, error) {
	if !s.request.namesNetwork() {
		return s.requestedByContainer()
	}

	name, given, err := s.networkReference()
	if err != nil {
		return nil, nil, err
	}

	key, err := s.key(name)
	if err != nil {
		return nil, nil, err
	}

	_, err = s.store.Get(key)
	if damage := attachments.Damage(err); damage != nil {
		return nil, nil, unusableRecord(damage, adviceDetach)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, notAttached("container %s is not attached to network %s as %s", key.ContainerID,
			key.Network, key.IfName)
	}

	return []attachments.Key{key}, given, err
}

// adviceDetach is what to do about an attachment whose record cannot be used.
const adviceDetach = "detach the container and attach it again"

func (s *scope) requestedByContainer() ([]attachments.Key, *conf.List, error) {
	if err := conf.ValidateContainerID(s.request.ContainerID); err != nil {
		return nil, nil, err
	}
	entries, unusable, err := s.store.ByContainer(s.request.ContainerID, s.request.IfName)
	if err != nil {
		return nil, nil, err
	}
	if len(unusable) > 0 {
		return nil, nil, unusableRecord(unusable[0].Err, adviceDetach)
	}
	if len(entries) == 0 {
		return nil, nil, notAttached("container %s is not attached to any network",
			s.request.ContainerID)
	}

	var keys []attachments.Key
	for _, entry := range entries {
		keys = append(keys, entry.Key)
	}
	return keys, nil, nil
}

// notAttached returns the error of a CHECK without an attachment. Its code is the specification's
// "container unknown or does not exist".
func notAttached(format string, args ...any) error {
	e := fault.New(fault.KindDrift, nil, format, args...)
	e.Code = 3
	e.Drift = []fault.Drift{{Object: "attachment", Expected: "attached", Actual: lifecycle.Missing}}
	return e
}

// checkEntry checks one attachment. It opens the namespace first, so that a thread opens a socket
// in it while the state is read.
func (s *scope) checkEntry(ctx context.Context, key attachments.Key, given *conf.List,
	findings *lifecycle.Findings) error {
	overrides := s.overrides(given)
	overrides.Netns = s.manager.Prefetch(s.request.Netns, (*netns.Namespace).PrefetchSocket)
	defer overrides.Netns.Close()
	return s.withLocked(ctx, key, func(held *attachments.Held, entry *attachments.Entry) error {
		if damage := held.Damage(); damage != nil {
			return unusableRecord(damage, adviceDetach)
		}
		if entry == nil {
			return notAttached("container %s was detached from network %s during the CHECK",
				key.ContainerID, key.Network)
		}
		return s.manager.Check(ctx, entry, overrides, findings)
	})
}
