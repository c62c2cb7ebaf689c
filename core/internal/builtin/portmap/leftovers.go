package portmap

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// The layout of the executable. With nftables it has a table for each family, whose rules tell nothing but the
// container; with iptables, a chain for each container and network, which a rule of the table nat leads to.
const (
	foreignTable  = "cni_hostport"
	natTable      = "nat"
	foreignJumps  = "CNI-HOSTPORT-DNAT"
	foreignPrefix = "CNI-DN-"
	foreignLength = 28 // of a chain's name
)

func foreignChain(network, containerID string) string {
	sum := sha512.Sum512([]byte(network + containerID))
	return (foreignPrefix + hex.EncodeToString(sum[:]))[:foreignLength]
}

func foreignComment(network, containerID string) string {
	return `dnat name: "` + network + `" id: "` + containerID + `"`
}

// leftovers says what of the executable is to go.
type leftovers struct {
	none        bool
	containerID string       // whose rules in its own tables go; "" for nobody's
	addresses   []netip.Addr // if known, only the rules about these: the container may be in other networks too
	chain       func(name, comment string) bool
}

// leftoversOf is what the executable left of the attachment.
func leftoversOf(inv *plugin.Invocation) leftovers {
	l := leftovers{containerID: inv.ContainerID, none: !inv.ByExecutable}
	if prefixes, err := containerAddresses(inv); err == nil {
		for _, p := range prefixes {
			l.addresses = append(l.addresses, p.Addr())
		}
	}
	own := foreignChain(inv.Network, inv.ContainerID)
	l.chain = func(name, _ string) bool { return name == own }
	return l
}

// invalidLeftovers is what the executable left of containers of the network that are not valid, as far as it tells the
// network: with iptables.
func invalidLeftovers(inv *plugin.Invocation) leftovers {
	keep := map[string]bool{}
	for _, a := range inv.ValidAttachments {
		keep[foreignChain(inv.Network, a.ContainerID)] = true
	}
	prefix := strings.TrimSuffix(foreignComment(inv.Network, ""), `"`)
	return leftovers{chain: func(name, comment string) bool {
		return strings.HasPrefix(name, foreignPrefix) && len(name) == foreignLength && strings.HasPrefix(comment, prefix) && !keep[name]
	}}
}

// inNftables says whether the executable has been at work, without which there is nothing to look for.
func (l leftovers) inNftables(r *nft.Reader) (bool, error) {
	for _, f := range []nft.Family{nft.IPv4, nft.IPv6} {
		found, err := r.HasTable(nft.Table{Family: f, Name: foreignTable})
		if err != nil || found {
			return found, err
		}
		c, err := r.Chain(nft.Table{Family: f, Name: natTable}, foreignJumps)
		if err != nil || c != nil {
			return c != nil, err
		}
	}
	return false, nil
}

// queue removes what is in tables of nftables.
func (l leftovers) queue(tx *nft.Tx) error {
	if l.none {
		return nil
	}
	there, err := l.inNftables(tx.Reader)
	if err != nil || !there {
		return err
	}
	for _, f := range []nft.Family{nft.IPv4, nft.IPv6} {
		for _, name := range []string{"hostports", "hostip_hostports", "masquerading"} {
			if l.containerID == "" {
				break
			}
			rules, err := tx.Rules(nft.Chain{Table: nft.Table{Family: f, Name: foreignTable}, Name: name})
			if err != nil {
				return err
			}
			for _, r := range rules {
				if r.Comment == l.containerID && l.concerns(r) {
					tx.DeleteRules(r)
				}
			}
		}
		if err := l.queueChains(tx, nft.Table{Family: f, Name: natTable}); err != nil {
			return err
		}
	}
	return nil
}

func (l leftovers) concerns(r nft.Rule) bool {
	return len(l.addresses) == 0 || slices.ContainsFunc(l.addresses, r.About)
}

// queueChains removes chains of an iptables whose tables are of nftables.
func (l leftovers) queueChains(tx *nft.Tx, table nft.Table) error {
	jumps := nft.Chain{Table: table, Name: foreignJumps}
	rules, err := tx.IptablesRules(jumps)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, r := range rules {
		if name := r.Verdict.Chain; l.chain(name, r.Comment) {
			tx.DeleteIptablesRules(jumps, r)
			gone[name] = true
		}
	}
	for name := range gone {
		tx.DeleteChain(nft.Chain{Table: table, Name: name})
	}
	return nil
}

// removeLegacy removes chains in the kernel's older tables, which only their own executable can.
func (l leftovers) removeLegacy(ctx context.Context, inv *plugin.Invocation) error {
	for _, f := range []iptables.Family{iptables.IPv4, iptables.IPv6} {
		if l.none || !iptables.HasLegacyTable(f, natTable) {
			continue
		}
		tool, err := iptables.FindLegacy(ctx, kit.Starter(inv), f)
		if errors.Is(err, iptables.ErrMissing) {
			continue
		}
		if err != nil {
			return err
		}
		table, err := tool.Read(ctx, natTable)
		if err != nil {
			return err
		}
		if err := tool.Apply(ctx, natTable, l.lines(table)); err != nil {
			return err
		}
	}
	return nil
}

func (l leftovers) lines(table *iptables.Table) []string {
	var lines []string
	gone := map[string]bool{}
	for _, words := range table.Chains[foreignJumps] {
		name, comment := after(words, "-j"), after(words, "--comment")
		if l.chain(name, comment) {
			lines = append(lines, iptables.Line(append([]string{"-D", foreignJumps}, words...)...))
			gone[name] = true
		}
	}
	for name := range gone {
		lines = append(lines, iptables.Line("-F", name), iptables.Line("-X", name))
	}
	return lines
}

// after returns the word that follows an option.
func after(words []string, option string) string {
	if i := slices.Index(words, option); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}
