package wire

import (
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// ChainDeclaration declares a chain. The policy of a base chain is to accept, unless Drop is set.
type ChainDeclaration struct {
	Chain
	Comment string
}

// Attributes and comments that package unix and google/nftables lack (linux/netfilter/nf_tables.h,
// libnftnl/udata.h). Kernels before 5.10 ignore the user data of tables and chains.
const (
	tableUserData = 6  // NFTA_TABLE_USERDATA
	chainUserData = 12 // NFTA_CHAIN_USERDATA

	verdictDrop   = 0 // NF_DROP
	verdictAccept = 1 // NF_ACCEPT

	objectComment = userdata.Type(0) // NFTNL_UDATA_TABLE_COMMENT, NFTNL_UDATA_CHAIN_COMMENT
)

// AddTable queues a table, which the kernel makes unless it exists. An existing table keeps its
// comment.
func (b *Batch) AddTable(family uint8, name, comment string) {
	e := body(family, 0)
	e.String(unix.NFTA_TABLE_NAME, name)
	e.BigUint32(unix.NFTA_TABLE_FLAGS, 0)
	if comment != "" {
		e.Bytes(tableUserData, userdata.AppendString(nil, objectComment, comment))
	}
	b.queue = append(b.queue, change{unix.NFT_MSG_NEWTABLE, family, e.Encoded()})
}

// AddChain queues a chain, which the kernel makes unless it exists. An existing chain keeps its
// comment.
func (b *Batch) AddChain(c ChainDeclaration) {
	e := body(c.Family, 0)
	e.String(unix.NFTA_CHAIN_TABLE, c.Table)
	e.String(unix.NFTA_CHAIN_NAME, c.Name)
	if c.Base {
		e.Open(unix.NFTA_CHAIN_HOOK)
		e.BigUint32(unix.NFTA_HOOK_HOOKNUM, c.Hook)
		e.BigUint32(unix.NFTA_HOOK_PRIORITY, uint32(int32(c.Priority)))
		e.Close()
		e.BigUint32(unix.NFTA_CHAIN_POLICY, c.policy())
		e.String(unix.NFTA_CHAIN_TYPE, c.Type)
	}
	if c.Comment != "" {
		e.Bytes(chainUserData, userdata.AppendString(nil, objectComment, c.Comment))
	}
	b.queue = append(b.queue, change{unix.NFT_MSG_NEWCHAIN, c.Family, e.Encoded()})
}

func (c Chain) policy() uint32 {
	if c.Drop {
		return verdictDrop
	}
	return verdictAccept
}
