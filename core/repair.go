package core

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/lifecycle"
	"github.com/libcni/libcni/core/plugin"
)

// Repair restores what CHECK reports as missing on the host, such as rules that were flushed when a
// firewall was reloaded. It does not change the containers' interfaces.
func (e *Engine) Repair(ctx context.Context, caller Caller,
	r *RepairRequest) (*RepairAnswer, error) {
	return serve(ctx, e.incoming(caller, plugin.Repair, &r.Common),
		func(s *scope, ctx context.Context) (*RepairAnswer, error) {
			answer := &RepairAnswer{Repaired: []Repaired{}}
			keys, given, err := s.toRepair(r.All, answer)
			if err != nil {
				return nil, err
			}

			var errs []error
			for _, key := range keys {
				err := s.repairEntry(ctx, key, given, answer)
				if r.All && errors.Is(err, lifecycle.ErrByExecutables) {
					s.events.Warn("", err.Error())
					continue
				}
				if err != nil {
					errs = append(errs, err)
				}
			}

			return answer, fault.Join(errs)
		})
}

// toRepair returns the attachments that the request names, and the configuration in the request, if
// any. With all, the response names the files that cannot be used.
func (s *scope) toRepair(all bool, answer *RepairAnswer) ([]attachments.Key, *conf.List, error) {
	if !all {
		return s.requested()
	}
	if s.request.namesNetwork() || s.request.ContainerID != "" {
		return nil, nil, fault.InvalidRequest("all", "all excludes network, networkFile and containerId")
	}

	entries, unusable, err := s.allEntries()
	if err != nil {
		return nil, nil, err
	}

	answer.Errors = fileErrors(unusable)
	var own []attachments.Key
	for _, entry := range entries {
		if s.owns(entry) {
			own = append(own, entry.Key)
		}
	}
	return own, nil, nil
}

func (s *scope) repairEntry(ctx context.Context, key attachments.Key, given *conf.List,
	answer *RepairAnswer) error {
	record := func(network, pluginType, object string) {
		answer.Repaired = append(answer.Repaired, Repaired{
			Network: network, ContainerID: key.ContainerID, IfName: key.IfName,
			Plugin: pluginType, Object: object,
		})
	}

	return s.withLocked(ctx, key, func(held *attachments.Held, entry *attachments.Entry) error {
		if damage := held.Damage(); damage != nil {
			return unusableRecord(damage, adviceDetach)
		}
		if entry == nil {
			return nil // detached meanwhile
		}
		return s.manager.Repair(ctx, entry, s.overrides(given), record)
	})
}
