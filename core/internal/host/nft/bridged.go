package nft

import "github.com/google/nftables/expr"

// CarriesIP passes frames that hold a packet of IPv4 or IPv6, in a table of the family Bridge.
func CarriesIP(f Family) []Expr {
	ether := []byte{0x08, 0x00}
	if f == IPv6 {
		ether = []byte{0x86, 0xdd}
	}
	return Is(meta(expr.MetaKeyPROTOCOL, 2), ether)
}
