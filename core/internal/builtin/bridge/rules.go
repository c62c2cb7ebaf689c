package bridge

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/libcni/libcni/core/internal/builtin/masquerade"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// ruleset is what an attachment needs of the packet filter. Its changes of nftables go to the kernel in one batch.
type ruleset struct {
	inv        *plugin.Invocation
	masquerade *masquerade.Attachment // nil: not asked for, or by programs
	programmed *masquerade.Attachment // by the executables of iptables; nil: not asked for
	spoof      *spoofCheck
}

func ownerOf(inv *plugin.Invocation) nft.Owner {
	return nft.Owner{Network: inv.Network, ContainerID: inv.ContainerID, IfName: inv.IfName}
}

func programs(inv *plugin.Invocation) masquerade.Programs {
	return masquerade.Programs{Start: kit.Starter(inv), StateDir: inv.StateDir}
}

func newRuleset(c *config, inv *plugin.Invocation, addresses []netip.Prefix, port string, mac net.HardwareAddr) ruleset {
	s := ruleset{inv: inv}
	a := &masquerade.Attachment{Owner: ownerOf(inv), Addresses: addresses}
	switch {
	case c.IPMasq && c.backend == masquerade.IPTables:
		s.programmed = a
	case c.IPMasq:
		s.masquerade = a
	}
	if c.MACSpoofCheck {
		s.spoof = &spoofCheck{owner: ownerOf(inv), port: port, mac: mac}
	}
	return s
}

func (s ruleset) empty() bool { return s.masquerade == nil && s.spoof == nil }

// update changes nftables, if the attachment has anything there.
func (s ruleset) update(ctx context.Context, change func(*nft.Tx) error) error {
	if s.empty() {
		return nil
	}
	return nft.Update(ctx, s.inv.StateDir, change)
}

func (s ruleset) add(tx *nft.Tx) error {
	if s.masquerade != nil {
		if err := s.masquerade.Add(tx); err != nil {
			return err
		}
	}
	if s.spoof != nil {
		return s.spoof.add(tx)
	}
	return nil
}

func (s ruleset) remove(tx *nft.Tx) error {
	if s.masquerade != nil {
		if err := s.masquerade.Remove(tx); err != nil {
			return err
		}
	}
	if s.spoof != nil {
		return s.spoof.remove(tx)
	}
	return nil
}

func (s ruleset) check(r *nft.Reader) (found []fault.Drift, err error) {
	if s.masquerade != nil {
		if found, err = s.masquerade.Check(r); err != nil {
			return nil, err
		}
	}
	if s.spoof != nil {
		drift, err := s.spoof.check(r)
		return append(found, drift...), err
	}
	return found, nil
}

func (s ruleset) repair(tx *nft.Tx) error {
	if s.masquerade != nil {
		if err := s.masquerade.Repair(tx); err != nil {
			return err
		}
	}
	if s.spoof != nil {
		return s.spoof.repair(tx)
	}
	return nil
}

func (a *attachment) ruleset() ruleset {
	var addresses []netip.Prefix
	if a.address != nil {
		addresses = a.address.addresses
	}
	return newRuleset(a.config, a.inv, addresses, a.inv.HostIfName, a.pair.PeerMAC)
}

func (a *attachment) addRules(ctx context.Context) error {
	s := a.ruleset()
	if s.programmed != nil {
		if err := programs(a.inv).Add(ctx, *s.programmed); err != nil {
			return err
		}
	}
	return unsupported(s.update(ctx, s.add))
}

func (a *attachment) removeRules(ctx context.Context) error {
	s := a.ruleset()
	err := harmless(s.update(ctx, s.remove))
	if s.programmed != nil {
		err = errors.Join(err, programs(a.inv).Remove(ctx, *s.programmed))
	}
	return err
}

// removeRules removes an attachment's rules by what is known of it, which may be nothing but its identity.
func removeRules(ctx context.Context, c *config, inv *plugin.Invocation) error {
	before := previous(inv)
	s := newRuleset(c, inv, before.addresses(inv), before.hostName(inv, c), before.containerMAC(inv))
	if s.programmed != nil {
		if err := programs(inv).Remove(ctx, *s.programmed); err != nil {
			return err
		}
	}
	if inv.ByExecutable {
		return removeForeignRules(ctx, s, before.addresses(inv))
	}
	return harmless(s.update(ctx, s.remove))
}

// removeForeignRules removes also what the reference plugins may have made, whatever the configuration asks for now.
func removeForeignRules(ctx context.Context, s ruleset, addresses []netip.Prefix) error {
	a := masquerade.Attachment{Owner: ownerOf(s.inv), Addresses: addresses}
	err := harmless(nft.Update(ctx, s.inv.StateDir, func(tx *nft.Tx) error {
		if err := s.remove(tx); err != nil {
			return err
		}
		if err := a.RemoveForeign(tx); err != nil {
			return err
		}
		return removeForeignSpoofCheck(tx, a.Owner)
	}))
	return errors.Join(err, programs(s.inv).RemoveLegacy(ctx, a))
}

// collectRules removes the rules of a network's attachments that are not valid, whatever the configuration asks for
// now.
func collectRules(ctx context.Context, c *config, inv *plugin.Invocation) error {
	links, err := linkNames(ctx, inv)
	if err != nil {
		return err
	}
	err = harmless(nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) error {
		if err := masquerade.GC(tx, inv.Network, inv.ValidAttachments); err != nil {
			return err
		}
		if err := masquerade.GCForeign(tx, inv.Network, inv.ValidAttachments); err != nil {
			return err
		}
		if err := collectForeignSpoofChecks(tx, links); err != nil {
			return err
		}
		return collectSpoofChecks(tx, inv.Network, inv.ValidAttachments)
	}))
	err = errors.Join(err, programs(inv).GCLegacy(ctx, inv.Network, inv.ValidAttachments))
	if c.IPMasq && c.backend == masquerade.IPTables {
		err = errors.Join(err, programs(inv).GC(ctx, inv.Network, inv.ValidAttachments))
	}
	return err
}

// harmless passes over a kernel without nftables: it has no rules to remove.
func harmless(err error) error {
	if errors.Is(err, nft.ErrUnsupported) {
		return nil
	}
	return err
}

// unsupported gives the lack of nftables its kind.
func unsupported(err error) error {
	if errors.Is(err, nft.ErrUnsupported) {
		return fault.New(fault.KindUnsupported, err, "ipMasq and macspoofchk need nftables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET, CONFIG_NF_TABLES_BRIDGE, CONFIG_NFT_MASQ)")
	}
	return err
}

// rulesAvailable says with code 50 that an ADD would fail.
func (c *config) rulesAvailable(ctx context.Context) error {
	if !c.MACSpoofCheck && (!c.IPMasq || c.backend == masquerade.IPTables) {
		return nil
	}
	err := unsupported(nft.Probe(ctx))
	var f *fault.Error
	if errors.As(err, &f) {
		f.Code = fault.CodePluginNotAvailable
	}
	return err
}

func (r record) addresses(inv *plugin.Invocation) []netip.Prefix {
	_, index := r.container(inv)
	var addresses []netip.Prefix
	for _, ip := range r.IPs {
		if prefix, ok := prefixOf(ip.Address); ok && (ip.Interface == nil || *ip.Interface == index) {
			addresses = append(addresses, prefix)
		}
	}
	return addresses
}

func (k *comparison) ruleset() ruleset {
	return newRuleset(k.config, k.inv, k.was.addresses(k.inv), k.was.hostName(k.inv, k.config), k.was.containerMAC(k.inv))
}

// rules compares the packet filter.
func (k *comparison) rules(ctx context.Context) error {
	s := k.ruleset()
	if s.programmed != nil && !(k.inv.ByExecutable && masquerade.InLegacyTables()) {
		found, err := programs(k.inv).Check(ctx, *s.programmed)
		if err != nil {
			return err
		}
		k.add(found)
	}
	if s.empty() {
		return nil
	}
	var found []fault.Drift
	err := nft.View(ctx, func(r *nft.Reader) (err error) {
		wanted := s
		if k.inv.ByExecutable {
			if wanted, err = s.withoutForeign(r); err != nil {
				return err
			}
		}
		found, err = wanted.check(r)
		return err
	})
	k.add(found)
	return unsupported(err)
}

func (k *comparison) add(found []fault.Drift) {
	for _, d := range found {
		k.differs(d.Object, d.Expected, d.Actual)
	}
}
