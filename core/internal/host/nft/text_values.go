package nft

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Text returns an element as "nft list" shows it, without comment.
func (s Set) Text(e Element) string {
	text := fieldsText(s.Key, e.Key)
	if s.Interval && e.Last != nil && !bytes.Equal(e.Key, e.Last) {
		text = rangeText(s.Key, e.Key, e.Last)
	}
	switch {
	case e.Verdict.Code != NoVerdict:
		text += " : " + verdictText(e.Verdict.encoded())
	case s.isMap():
		text += " : " + fieldsText(s.Data, e.Data)
	}
	return text
}

func fieldsText(types []Type, data []byte) string {
	return joinFields(types, data, func(t Type, field []byte) string { return t.text(field) })
}

// rangeText writes those fields as ranges whose ends differ.
func rangeText(types []Type, first, last []byte) string {
	at := 0
	return joinFields(types, first, func(t Type, field []byte) string {
		end := last[min(at, len(last)):]
		end = end[:min(len(field), len(end))]
		at += (len(field) + 3) &^ 3
		if bytes.Equal(field, end) {
			return t.text(field)
		}
		if size := networkSize(field, end); size >= 0 && (t == IPv4Addr || t == IPv6Addr) {
			return t.text(field) + "/" + strconv.Itoa(size)
		}
		return t.text(field) + "-" + t.text(end)
	})
}

// networkSize returns the length of the prefix of the network from first to last, -1 for other
// ranges.
func networkSize(first, last []byte) int {
	from, ok := netip.AddrFromSlice(first)
	if !ok || len(first) != len(last) {
		return -1
	}
	size := 0
	for i := range first {
		same := bits.LeadingZeros8(first[i] ^ last[i])
		if size += same; same < 8 {
			break
		}
	}
	if !bytes.Equal(Range(netip.PrefixFrom(from, size)).Last, last) ||
		netip.PrefixFrom(from, size).Masked().Addr() != from {
		return -1
	}
	return size
}

func joinFields(types []Type, data []byte, text func(Type, []byte) string) string {
	var fields []string
	for _, t := range types {
		size := min(int(t.encoded().Bytes), len(data))
		fields = append(fields, text(t, data[:size]))
		data = data[min((size+3)&^3, len(data)):]
	}
	return strings.Join(fields, " . ")
}

func (t Type) text(value []byte) string {
	switch t {
	case IPv4Addr, IPv6Addr:
		return address(value)
	case EtherAddr:
		return net.HardwareAddr(value).String()
	case InetProto:
		return protocolName(value)
	case InetService:
		return port(value)
	case Mark:
		return hostNumber(value)
	case IfName:
		return quotedName(value)
	default:
		return hexadecimal(value)
	}
}

// comparisons are the operators beside equality.
var comparisons = map[expr.CmpOp]string{expr.CmpOpLt: "<", expr.CmpOpLte: "<=", expr.CmpOpGt: ">",
	expr.CmpOpGte: ">="}

func address(b []byte) string {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return hexadecimal(b)
	}
	return a.String()
}

// network writes an address with a mask.
func network(b, mask []byte) string {
	size := 0
	for _, m := range mask {
		size += bits.LeadingZeros8(^m)
	}
	return address(b) + "/" + strconv.Itoa(size)
}

func port(b []byte) string {
	if len(b) != 2 {
		return hexadecimal(b)
	}
	return strconv.Itoa(int(binary.BigEndian.Uint16(b)))
}

func hostNumber(b []byte) string {
	if len(b) != 4 {
		return hexadecimal(b)
	}
	return fmt.Sprintf("0x%08x", binary.NativeEndian.Uint32(b))
}

func hexadecimal(b []byte) string { return "0x" + hex.EncodeToString(b) }

func quotedName(b []byte) string {
	return `"` + string(bytes.TrimRight(b, "\x00")) + `"`
}

func protocolName(b []byte) string {
	if len(b) != 1 {
		return hexadecimal(b)
	}
	switch b[0] {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_SCTP:
		return "sctp"
	default:
		return strconv.Itoa(int(b[0]))
	}
}

func addressType(b []byte) string {
	if len(b) == 4 && binary.NativeEndian.Uint32(b) == unix.RTN_LOCAL {
		return "local"
	}
	return hexadecimal(b)
}

type bitName struct {
	bit  uint32
	name string
}

// bitNames returns a function that names the bits of a number.
func bitNames(names []bitName) func([]byte) string {
	return func(b []byte) string {
		if len(b) != 4 {
			return hexadecimal(b)
		}
		var found []string
		rest := binary.NativeEndian.Uint32(b)
		for _, n := range names {
			if rest&n.bit != 0 {
				found, rest = append(found, n.name), rest&^n.bit
			}
		}
		if rest != 0 {
			found = append(found, fmt.Sprintf("0x%x", rest))
		}
		return strings.Join(found, ",")
	}
}
