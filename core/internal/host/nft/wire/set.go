package wire

import (
	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// ByteOrder is the order of the bytes of keys or data, as nft notes it for its own listings.
type ByteOrder uint32

// The byte orders. A concatenation has none.
const (
	NoOrder ByteOrder = iota
	HostOrder
	NetworkOrder
)

// Declaration declares a set or map as nft declares it. The kernel refuses a declaration of an
// existing set that differs, so a saved rule set can only be loaded over sets that nft itself could
// have declared. google/nftables describes the fields of every concatenation and cannot note the
// byte order of data; nft describes the fields only if elements are ranges.
type Declaration struct {
	SetName
	Key, Data           nftables.SetDatatype
	KeyOrder, DataOrder ByteOrder
	Map                 bool
	Interval            bool
	Fields              []uint32 // the sizes of a concatenation's fields
	Comment             string
}

// Attributes and flags that package unix lacks (linux/netfilter/nf_tables.h).
const (
	setDescConcat  = 2    // NFTA_SET_DESC_CONCAT
	setFieldLen    = 1    // NFTA_SET_FIELD_LEN
	concatOfRanges = 0x80 // NFT_SET_CONCAT
)

// AddSet queues a declaration.
func (b *Batch) AddSet(d Declaration) {
	b.sets++
	e := body(d.Family, 0)
	e.String(unix.NFTA_SET_TABLE, d.Table)
	e.String(unix.NFTA_SET_NAME, d.Name)
	e.BigUint32(unix.NFTA_SET_FLAGS, d.flags())
	e.BigUint32(unix.NFTA_SET_KEY_TYPE, d.Key.GetNFTMagic())
	e.BigUint32(unix.NFTA_SET_KEY_LEN, d.Key.Bytes)
	if d.Map {
		e.BigUint32(unix.NFTA_SET_DATA_TYPE, d.dataType())
		e.BigUint32(unix.NFTA_SET_DATA_LEN, d.Data.Bytes)
	}
	e.BigUint32(unix.NFTA_SET_ID, b.sets)
	if d.ofRanges() {
		d.describe(&e)
	}
	e.Bytes(unix.NFTA_SET_USERDATA, d.userData())
	b.queue = append(b.queue, change{unix.NFT_MSG_NEWSET, d.Family, e.Encoded()})
}

// ofRanges reports whether the elements are ranges of a concatenation.
func (d Declaration) ofRanges() bool { return d.Interval && len(d.Fields) > 1 }

func (d Declaration) flags() (flags uint32) {
	if d.Interval {
		flags |= unix.NFT_SET_INTERVAL
	}
	if d.Map {
		flags |= unix.NFT_SET_MAP
	}
	if d.ofRanges() {
		flags |= concatOfRanges
	}
	return flags
}

func (d Declaration) dataType() uint32 {
	if d.Data == nftables.TypeVerdict {
		return unix.NFT_DATA_VERDICT
	}
	return d.Data.GetNFTMagic()
}

func (d Declaration) describe(e *netlink.Encoder) {
	e.Open(unix.NFTA_SET_DESC)
	e.Open(setDescConcat)
	for _, size := range d.Fields {
		e.Open(unix.NFTA_LIST_ELEM)
		e.BigUint32(setFieldLen, size)
		e.Close()
	}
	e.Close()
	e.Close()
}

func (d Declaration) userData() []byte {
	data := userdata.AppendUint32(nil, userdata.NFTNL_UDATA_SET_KEYBYTEORDER, uint32(d.KeyOrder))
	if d.Map {
		data = userdata.AppendUint32(data, userdata.NFTNL_UDATA_SET_DATABYTEORDER,
			uint32(d.DataOrder))
		data = userdata.AppendUint32(data, userdata.NFTNL_UDATA_SET_DATA_INTERVAL, 0)
	}
	if d.Comment != "" {
		data = userdata.AppendString(data, userdata.NFTNL_UDATA_SET_COMMENT, d.Comment)
	}
	return data
}
