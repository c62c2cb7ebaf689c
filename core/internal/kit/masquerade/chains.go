package masquerade

import (
	"crypto/sha512"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// The layout of the reference plugins with iptables: POSTROUTING of the table nat leads packets
// from a container's address to a chain of the container. It does not know interfaces: two of one
// container in one network share the chain.
const (
	natTable       = "nat"
	postrouting    = "POSTROUTING"
	chainPrefix    = "CNI-"
	chainNameBytes = 12 // of the hash
)

func chainName(o nft.Owner) string {
	sum := sha512.Sum512([]byte(o.Network + o.ContainerID))
	return chainPrefix + hex.EncodeToString(sum[:chainNameBytes])
}

func chainComment(o nft.Owner) string {
	return `name: "` + o.Network + `" id: "` + o.ContainerID + `"`
}

// isChainName reports whether a name is one of these chains, not another with the same prefix.
func isChainName(name string) bool {
	rest, found := strings.CutPrefix(name, chainPrefix)
	_, err := hex.DecodeString(rest)
	return found && err == nil && len(rest) == 2*chainNameBytes
}

// jump is a rule of POSTROUTING that leads to a chain of this layout.
type jump struct {
	chain, comment string
	source         netip.Addr
}

// selection reports whether a jump is to be removed.
type selection func(jump) bool

// chains selects the jumps to the attachment's chain that are the attachment's.
func (a Attachment) chains() selection {
	name := chainName(a.Owner)
	return func(j jump) bool { return j.chain == name && a.mayOwn(j) }
}

// mayOwn reports whether a jump to the container's chain may be the attachment's. If the
// attachment's addresses are unknown, it may own every jump that no other interface needs.
func (a Attachment) mayOwn(j jump) bool {
	if len(a.Addresses) == 0 {
		return !a.Others.Use(j.source)
	}
	return !j.source.IsValid() ||
		slices.ContainsFunc(a.Addresses, func(p netip.Prefix) bool { return p.Addr() == j.source })
}

// invalidChains selects the jumps for containers of the network without a valid attachment.
func invalidChains(network string, valid []plugin.AttachmentID) selection {
	keep := map[string]bool{}
	for _, id := range valid {
		keep[chainComment(nft.Owner{Network: network, ContainerID: id.ContainerID})] = true
	}
	return func(j jump) bool {
		return isChainName(j.chain) && strings.HasPrefix(j.comment, `name: "`+network+`" id: `) &&
			!keep[j.comment]
	}
}

// unused returns the chains that only selected jumps lead to.
func unused(jumps []jump, selected selection) []string {
	var names []string
	for _, j := range jumps {
		used := slices.ContainsFunc(jumps, func(other jump) bool {
			return other.chain == j.chain && !selected(other)
		})
		if selected(j) && !used && !slices.Contains(names, j.chain) {
			names = append(names, j.chain)
		}
	}
	return names
}
