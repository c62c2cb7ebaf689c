package core

import (
	"context"
	"errors"
	"io/fs"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/plugin"
)

// RepairRequest is the request of cni_repair: that of cni_check, or all.
type RepairRequest struct {
	Common
	All bool `json:"all"` // every attachment of options.owner
}

func (r *RepairRequest) fields() jsonobject.Fields {
	return r.with(jsonobject.Fields{{"all", &r.All}}...)
}

// RepairAnswer says what was put back.
type RepairAnswer struct {
	Repaired []Repaired `json:"repaired"`
}

// Repaired is one object that was missing on the host's side of an attachment.
type Repaired struct {
	Network     string `json:"network"`
	ContainerID string `json:"containerId"`
	IfName      string `json:"ifName"`
	Plugin      string `json:"plugin"`
	Object      string `json:"object"`
}

// Repair puts back what CHECK finds missing on the host's side, such as rules that a firewall's reload has flushed. It
// does not touch the containers' interfaces.
func (e *Engine) Repair(ctx context.Context, caller Caller, r *RepairRequest) (*RepairAnswer, error) {
	return within(ctx, e, caller, plugin.Repair, &r.Common, func(s *scope, ctx context.Context) (*RepairAnswer, error) {
		entries, given, err := s.repaired(r.All)
		if err != nil {
			return nil, err
		}
		answer := &RepairAnswer{Repaired: []Repaired{}}
		var errs []error
		for _, entry := range entries {
			if err := s.repairEntry(ctx, entry, given, answer); err != nil {
				errs = append(errs, err)
			}
		}
		return answer, joinFaults(errs)
	})
}

// repaired returns the attachments that the request means, and the configuration it holds, if it does.
func (s *scope) repaired(all bool) ([]*attachments.Entry, *conf.List, error) {
	if !all {
		return s.checked()
	}
	if s.hasNetwork() || s.ContainerID != "" {
		return nil, nil, fault.InvalidRequest("all", "all excludes network, networkFile and containerId")
	}
	entries, unreadable := s.store.List()
	for _, err := range unreadable {
		s.events.Warn("", err.Error())
	}
	var own []*attachments.Entry
	for _, entry := range entries {
		if s.owns(entry) {
			own = append(own, entry)
		}
	}
	return own, nil, nil
}

// repairEntry repairs one attachment. One that is incomplete, or whose namespace is gone, is for DEL and GC.
func (s *scope) repairEntry(ctx context.Context, entry *attachments.Entry, given *conf.List, answer *RepairAnswer) error {
	held, err := s.store.Lock(ctx, entry.Key)
	if err != nil {
		return err
	}
	defer held.Unlock()
	if entry, err = held.Get(); errors.Is(err, fs.ErrNotExist) {
		return nil // removed meanwhile
	}
	if err != nil {
		return err
	}
	list, err := s.configuration(entry, given)
	if err != nil || entry.Incomplete {
		return err
	}
	ns, _, err := s.locate(ctx, entry, s.Netns, entry.Netns)
	if err != nil || ns == nil {
		return err
	}
	defer ns.Close()
	o := s.newOperation(list, s.withRequest(entry, list), ns)
	defer o.close()
	return o.repairEach(ctx, answer)
}

func (o *operation) repairEach(ctx context.Context, answer *RepairAnswer) error {
	result := o.knownResult()
	for i := range o.list.Plugins {
		target, err := o.target(i)
		if err != nil {
			return o.blame(err, i, target)
		}
		if !target.Builtin {
			continue
		}
		inv, err := o.invocation(plugin.Repair, i, target, result)
		if err != nil {
			return o.blame(err, i, target)
		}
		inv.Repaired = func(object string) {
			answer.Repaired = append(answer.Repaired, Repaired{
				Network: o.list.Name, ContainerID: o.entry.ContainerID, IfName: o.entry.IfName, Plugin: target.Type, Object: object,
			})
		}
		if _, err := o.runner.Run(ctx, target, inv); err != nil {
			return o.blame(err, i, target)
		}
	}
	return nil
}
