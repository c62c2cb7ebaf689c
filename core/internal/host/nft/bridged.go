package nft

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// InBridge is the bridge whose port a packet came in by, in a table of the family Bridge.
func InBridge() Field { return meta(expr.MetaKey(unix.NFT_META_BRI_IIFNAME), 16) }

// CarriesIP passes frames that hold a packet of IPv4 or IPv6, in a table of the family Bridge.
func CarriesIP(f Family) []Expr {
	ether := []byte{0x08, 0x00}
	if f == IPv6 {
		ether = []byte{0x86, 0xdd}
	}
	return Is(meta(expr.MetaKeyPROTOCOL, 2), ether)
}
