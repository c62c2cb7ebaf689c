package portmap

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/iface"
	kitreference "github.com/libcni/libcni/core/internal/kit/reference"
	"github.com/libcni/libcni/core/plugin"
)

// The objects of the reference executable. With nftables it has a table per family, whose rules
// name only their container. With iptables it has a chain per container and network, to which a
// rule in the table nat jumps.
const (
	referenceTable  = "cni_hostport"
	natTable        = "nat"
	referenceJumps  = "CNI-HOSTPORT-DNAT"
	referencePrefix = "CNI-DN-"
	referenceLength = 28 // of a chain's name
)

func referenceChain(network, containerID string) string {
	sum := sha512.Sum512([]byte(network + containerID))
	return (referencePrefix + hex.EncodeToString(sum[:]))[:referenceLength]
}

func referenceComment(network, containerID string) string {
	return `dnat name: "` + network + `" id: "` + containerID + `"`
}

// reference selects objects of the reference executable for removal.
type reference struct {
	none        bool
	containerID string       // whose rules in its own tables are removed; "" for none
	addresses   []netip.Addr // if known, only rules with these: there may be other networks
	others      kitreference.Others
	chain       func(name, comment string) bool
}

// referenceOf selects the objects of the attachment. If its addresses are unknown, the objects that
// another interface of the container uses stay.
func referenceOf(ctx context.Context, inv *plugin.Invocation) (o reference, err error) {
	if !inv.ByExecutable {
		return reference{none: true}, nil
	}
	o.containerID = inv.ContainerID
	if prefixes, err := containerAddresses(inv); err == nil {
		for _, p := range prefixes {
			o.addresses = append(o.addresses, p.Addr())
		}
	}
	if len(o.addresses) == 0 {
		o.others, err = iface.Others(ctx, inv)
	}
	own := referenceChain(inv.Network, inv.ContainerID)
	o.chain = func(name, _ string) bool { return name == own && !o.others.Recorded }
	return o, err
}

// invalidReference selects the chains of the network's attachments that are not valid. Only with
// iptables do the executable's objects name the network.
func invalidReference(inv *plugin.Invocation) reference {
	keep := map[string]bool{}
	for _, a := range inv.ValidAttachments {
		keep[referenceChain(inv.Network, a.ContainerID)] = true
	}
	prefix := strings.TrimSuffix(referenceComment(inv.Network, ""), `"`)
	return reference{chain: func(name, comment string) bool {
		return strings.HasPrefix(name, referencePrefix) && len(name) == referenceLength &&
			strings.HasPrefix(comment, prefix) &&
			!keep[name]
	}}
}

// exists reports whether nftables has any objects of the executable.
func (o reference) exists(r *nft.Reader) (bool, error) {
	for _, f := range []nft.Family{nft.IPv4, nft.IPv6} {
		found, err := r.HasTable(nft.Table{Family: f, Name: referenceTable})
		if err != nil || found {
			return found, err
		}
		c, err := r.Chain(nft.Table{Family: f, Name: natTable}, referenceJumps)
		if err != nil || c != nil {
			return c != nil, err
		}
	}
	return false, nil
}

// queueRemoval queues the removal of the objects in nftables.
func (o reference) queueRemoval(tx *nft.Tx) error {
	if o.none {
		return nil
	}
	exists, err := o.exists(tx.Reader)
	if err != nil || !exists {
		return err
	}
	for _, f := range []nft.Family{nft.IPv4, nft.IPv6} {
		if err := o.queueRules(tx, nft.Table{Family: f, Name: referenceTable}); err != nil {
			return err
		}
		if err := o.queueChains(tx, nft.Table{Family: f, Name: natTable}); err != nil {
			return err
		}
	}
	return nil
}

// queueRules queues the removal of rules in the executable's own tables.
func (o reference) queueRules(tx *nft.Tx, table nft.Table) error {
	if o.containerID == "" {
		return nil
	}
	for _, name := range []string{"hostports", "hostip_hostports", "masquerading"} {
		rules, err := tx.Rules(nft.Chain{Table: table, Name: name})
		if err != nil {
			return err
		}
		for _, r := range rules {
			if r.Comment == o.containerID && o.concerns(r) {
				tx.DeleteRules(r)
			}
		}
	}
	return nil
}

func (o reference) concerns(r nft.Rule) bool {
	if len(o.addresses) > 0 {
		return slices.ContainsFunc(o.addresses, r.About)
	}
	return !o.others.Recorded && !slices.ContainsFunc(o.others.Addresses, r.About)
}

// queueChains queues the removal of the chains that iptables has in nftables.
func (o reference) queueChains(tx *nft.Tx, table nft.Table) error {
	jumps := nft.Chain{Table: table, Name: referenceJumps}
	rules, err := tx.IptablesRules(jumps)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, r := range rules {
		if name := r.Verdict.Chain; o.chain(name, r.Comment) {
			tx.DeleteIptablesRules(jumps, r)
			gone[name] = true
		}
	}
	for name := range gone {
		tx.DeleteChain(nft.Chain{Table: table, Name: name})
	}
	return nil
}

// removeLegacy removes the chains in the legacy tables with the iptables-legacy executable.
func (o reference) removeLegacy(ctx context.Context, inv *plugin.Invocation) error {
	if o.none {
		return nil
	}
	return kitreference.ChangeLegacy(ctx, kit.Starter(inv), natTable, o.lines)
}

func (o reference) lines(table *iptables.Table) []string {
	var lines []string
	gone := map[string]bool{}
	for _, words := range table.Chains[referenceJumps] {
		name, comment := argument(words, "-j"), argument(words, "--comment")
		if o.chain(name, comment) {
			lines = append(lines,
				iptables.Line(append([]string{"-D", referenceJumps}, words...)...))
			gone[name] = true
		}
	}
	for name := range gone {
		lines = append(lines, iptables.Line("-F", name), iptables.Line("-X", name))
	}
	return lines
}

// argument returns the word that follows an option.
func argument(words []string, option string) string {
	if i := slices.Index(words, option); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}
