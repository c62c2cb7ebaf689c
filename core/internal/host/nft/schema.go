package nft

import (
	"slices"

	"github.com/google/nftables"

	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// Family is the kind of packets a table sees.
type Family byte

// The families.
const (
	IPv4   = Family(nftables.TableFamilyIPv4)
	IPv6   = Family(nftables.TableFamilyIPv6)
	Inet   = Family(nftables.TableFamilyINet) // both
	Bridge = Family(nftables.TableFamilyBridge)
)

// String is the family's name in nft's language.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "ip"
	case IPv6:
		return "ip6"
	case Bridge:
		return "bridge"
	default:
		return "inet"
	}
}

// Table names a table.
type Table struct {
	Family Family
	Name   string
}

// Own returns the table of libcni for a family: Inet or Bridge.
func Own(f Family) Table { return Table{f, ownTable} }

const ownTable = "libcni"

// comment tells an operator what the tables of libcni are. They are the only ones that it makes.
func (t Table) comment() string {
	if t.Name != ownTable {
		return ""
	}
	return "rules of libcni for containers (cni list); cni repair --all restores missing ones"
}

func (t Table) encoded() *nftables.Table {
	return &nftables.Table{Name: t.Name, Family: nftables.TableFamily(t.Family)}
}

// Hook is the point at which the kernel calls a base chain.
type Hook uint32

// The hooks, and None for a chain that only other chains call.
const (
	None Hook = iota
	Prerouting
	Input
	Forward
	Output
	Postrouting
)

// Priorities of base chains, by the names that nft gives them.
const (
	PriorityRaw     = -300
	PriorityMangle  = -150
	PriorityDstNAT  = -100
	PriorityFilter  = 0
	PrioritySrcNAT  = 100
	BridgeDstNAT    = -300 // the same in tables of the family Bridge
	BridgeFilter    = -200
	typeFilterChain = "filter"
)

// Chain is a chain: a base chain if it has a hook. The policy is to accept, unless Drop is set.
type Chain struct {
	Table    Table
	Name     string
	Type     string // of a base chain: "filter", "nat" or "route"; "" is "filter"
	Hook     Hook
	Priority int
	Drop     bool
	Comment  string // for people; a chain that was read has none
	Uses     int    // its rules, and the rules that jump to it; only of one that Reader.Chain returned
}

// encoded names the chain.
func (c Chain) encoded() *nftables.Chain {
	return &nftables.Chain{Table: c.Table.encoded(), Name: c.Name}
}

func (c Chain) declaration() wire.ChainDeclaration {
	d := wire.ChainDeclaration{Comment: c.Comment, Chain: wire.Chain{Family: byte(c.Table.Family),
		Table: c.Table.Name, Name: c.Name}}
	if c.Hook == None {
		return d
	}
	if d.Type = c.Type; d.Type == "" {
		d.Type = typeFilterChain
	}
	d.Base, d.Drop, d.Priority = true, c.Drop, c.Priority
	d.Hook = uint32(c.Hook - Prerouting)
	return d
}

// Type is the type of a field of a set.
type Type byte

// The types. Verdict is for the data of maps.
const (
	NoType Type = iota
	Verdict
	IPv4Addr
	IPv6Addr
	EtherAddr
	InetProto
	InetService
	Mark
	IfName
)

func (t Type) encoded() nftables.SetDatatype {
	switch t {
	case Verdict:
		return nftables.TypeVerdict
	case IPv4Addr:
		return nftables.TypeIPAddr
	case IPv6Addr:
		return nftables.TypeIP6Addr
	case EtherAddr:
		return nftables.TypeEtherAddr
	case InetProto:
		return nftables.TypeInetProto
	case InetService:
		return nftables.TypeInetService
	case Mark:
		return nftables.TypeMark
	case IfName:
		return nftables.TypeIFName
	default:
		return nftables.TypeInvalid
	}
}

// Set is a set, or a map if it has Data. A key of several fields is their concatenation.
type Set struct {
	Table    Table
	Name     string
	Key      []Type
	Data     []Type // of a map
	Interval bool   // elements are ranges
	Comment  string
}

func (s Set) isMap() bool { return len(s.Data) > 0 }

func (s Set) equal(other Set) bool {
	return s.Table == other.Table && s.Name == other.Name && slices.Equal(s.Key, other.Key) &&
		slices.Equal(s.Data, other.Data) &&
		s.Interval == other.Interval
}

func (s Set) declaration() wire.Declaration {
	d := wire.Declaration{SetName: s.wire(), Key: concatenated(s.Key), KeyOrder: order(s.Key),
		Map: s.isMap(), Interval: s.Interval, Comment: s.Comment}
	if d.Map {
		d.Data, d.DataOrder = concatenated(s.Data), order(s.Data)
	}
	for _, t := range s.Key {
		d.Fields = append(d.Fields, t.encoded().Bytes)
	}
	return d
}

func order(types []Type) wire.ByteOrder {
	switch {
	case len(types) > 1 || types[0] == Verdict:
		return wire.NoOrder
	case types[0] == IfName || types[0] == Mark:
		return wire.HostOrder
	default:
		return wire.NetworkOrder
	}
}

func concatenated(types []Type) nftables.SetDatatype {
	if len(types) == 1 {
		return types[0].encoded()
	}
	encoded := make([]nftables.SetDatatype, len(types))
	for i, t := range types {
		encoded[i] = t.encoded()
	}
	joined, err := nftables.ConcatSetType(encoded...)
	if err != nil {
		return nftables.TypeInvalid // the kernel refuses it
	}
	return joined
}
