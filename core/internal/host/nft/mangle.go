package nft

import (
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// SetSrcAddr4 gives a packet of IPv4 another source address, without a translation of connections.
// It comes after the conditions of a rule.
func SetSrcAddr4(a netip.Addr) []Expr { return setAddr4(12, a) }

// SetDstAddr4 is SetSrcAddr4 for the destination address.
func SetDstAddr4(a netip.Addr) []Expr { return setAddr4(16, a) }

// setAddr4 writes an address of the IPv4 header, and corrects the checksums of the header and of
// the transport protocol.
func setAddr4(offset uint32, a netip.Addr) []Expr {
	const checksum = 10 // its offset in the header
	return []Expr{
		&expr.Immediate{Register: register(0), Data: Addr(a)},
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: register(0),
			Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4,
			CsumType: expr.CsumTypeInet, CsumOffset: checksum,
			CsumFlags: unix.NFT_PAYLOAD_L4CSUM_PSEUDOHDR},
	}
}
