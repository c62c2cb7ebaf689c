package nft

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Error is the kernel's refusal of a request. It matches the errors of this package and its syscall.Errno.
type Error struct {
	Errno   syscall.Errno
	Request string // such as "add rule"
	Message string // the kernel's own explanation, if it gave one

	unsupported bool
}

func (e *Error) Error() string {
	text := fmt.Sprintf("nftables: %s: %s", e.Request, e.Errno.Error())
	if e.Message != "" {
		text += " (" + e.Message + ")"
	}
	if e.Is(ErrUnsupported) {
		text += ": " + ErrUnsupported.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Errno }

// Is matches the errors of this package.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrUnsupported:
		return e.unsupported
	case ErrNotFound:
		return e.Errno == syscall.ENOENT && !e.unsupported
	case ErrExists:
		return e.Errno == syscall.EEXIST
	case ErrChanged:
		return e.Errno == errRestart
	default:
		return false
	}
}

// errRestart answers a batch for rules of an earlier generation.
const errRestart = syscall.Errno(85)

// TakenError says that a key is another owner's.
type TakenError struct {
	Set     Set
	Element Element // as it is there
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("set %s has the key already, for %s", e.Set.Name, DescribeOwner(e.Element.Comment))
}

// parseError reads the error number of a message that ends one of the requests; nil for success.
func parseError(m syscall.NetlinkMessage, requests []netlink.Message) error {
	kind := -1
	for _, r := range requests {
		if r.Header.Sequence == m.Header.Seq {
			kind = int(r.Header.Type) - subsystem
		}
	}
	return refusal(m, kind)
}

// refusal reads the error number of a message that ends a request of that kind; nil for success.
func refusal(m syscall.NetlinkMessage, kind int) error {
	if len(m.Data) < 4 {
		return nil // the end of a dump
	}
	number := syscall.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
	if number == 0 {
		return nil
	}
	return &Error{Errno: number, Request: requestName(kind), Message: explanation(m), unsupported: lacking(number, kind)}
}

const subsystem = unix.NFNL_SUBSYS_NFTABLES << 8

func requestName(kind int) string {
	switch kind {
	case unix.NFT_MSG_NEWTABLE:
		return "add table"
	case unix.NFT_MSG_GETTABLE:
		return "get table"
	case unix.NFT_MSG_DELTABLE:
		return "delete table"
	case unix.NFT_MSG_NEWCHAIN:
		return "add chain"
	case unix.NFT_MSG_GETCHAIN:
		return "get chain"
	case unix.NFT_MSG_DELCHAIN:
		return "delete chain"
	case unix.NFT_MSG_NEWRULE:
		return "add rule"
	case unix.NFT_MSG_GETRULE:
		return "get rules"
	case unix.NFT_MSG_DELRULE:
		return "delete rule"
	case unix.NFT_MSG_NEWSET:
		return "add set"
	case unix.NFT_MSG_GETSET:
		return "get set"
	case unix.NFT_MSG_DELSET:
		return "delete set"
	case unix.NFT_MSG_NEWSETELEM:
		return "add element"
	case unix.NFT_MSG_GETSETELEM:
		return "get element"
	case unix.NFT_MSG_DELSETELEM:
		return "delete element"
	case unix.NFT_MSG_GETGEN:
		return "get generation"
	default:
		return "batch"
	}
}

// lacking tells a kernel that cannot from one that refuses. A batch is applied to rules that were read before, so that
// what it needs and does not find (ENOENT) is a part of the kernel.
func lacking(number syscall.Errno, kind int) bool {
	switch number {
	case syscall.EOPNOTSUPP, syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT:
		return true
	case syscall.EINVAL: // a kernel without nftables does not know the request
		return kind == unix.NFT_MSG_GETGEN
	case syscall.ENOENT:
		return kind == unix.NFT_MSG_NEWCHAIN || kind == unix.NFT_MSG_NEWRULE || kind == unix.NFT_MSG_NEWSET
	default:
		return false
	}
}

const (
	nlmsgErrorSize    = 4 + unix.SizeofNlMsghdr
	extackMessage     = 1     // NLMSGERR_ATTR_MSG
	flagCapped        = 0x100 // NLM_F_CAPPED: the request is not repeated
	flagExtackPresent = 0x200 // NLM_F_ACK_TLVS
)

// explanation returns the kernel's text, or "".
func explanation(m syscall.NetlinkMessage) string {
	if m.Header.Flags&flagExtackPresent == 0 || m.Header.Type != unix.NLMSG_ERROR || len(m.Data) < nlmsgErrorSize {
		return ""
	}
	at := nlmsgErrorSize
	if m.Header.Flags&flagCapped == 0 {
		at = 4 + int(binary.NativeEndian.Uint32(m.Data[4:])+3)&^3
	}
	if at > len(m.Data) {
		return ""
	}
	attributes, err := netlink.NewAttributeDecoder(m.Data[at:])
	if err != nil {
		return ""
	}
	for attributes.Next() {
		if attributes.Type() == extackMessage {
			return attributes.String()
		}
	}
	return ""
}
