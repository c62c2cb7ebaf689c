package wire

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Errors to test for with errors.Is; package nft documents them.
var (
	ErrUnsupported = errors.New("not supported by the kernel")
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("exists already")
	ErrChanged     = errors.New("another process keeps changing the rules")
)

// Error is the kernel's refusal of a request. It matches the errors of this package and its error
// number.
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
		return e.Errno == unix.ERESTART // the answer to a batch for an earlier generation
	default:
		return false
	}
}

// IsOtherSet reports whether a batch declared a set that exists in another form.
func IsOtherSet(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Errno == syscall.EEXIST &&
		refused.Request == requestName(unix.NFT_MSG_NEWSET)
}

// refusal makes the kernel's refusal of a request of a kind (NFT_MSG_*) an *Error, and leaves other
// errors alone.
func refusal(err error, kind int) error {
	var refused *netlink.Error
	if !errors.As(err, &refused) {
		return err
	}
	return &Error{Errno: refused.Errno, Request: requestName(kind), Message: refused.Message,
		unsupported: isLacking(refused.Errno, kind)}
}

// isLacking recognises the refusal of a kernel that lacks something. A batch is applied to rules
// that were read before, so that what it needs and does not find (ENOENT) is a part of the kernel.
func isLacking(number syscall.Errno, kind int) bool {
	switch number {
	case syscall.EOPNOTSUPP, syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT:
		return true
	case syscall.EINVAL: // a kernel without nftables does not know the request
		return kind == unix.NFT_MSG_GETGEN
	case syscall.ENOENT:
		return kind == unix.NFT_MSG_NEWCHAIN || kind == unix.NFT_MSG_NEWRULE ||
			kind == unix.NFT_MSG_NEWSET
	default:
		return false
	}
}

// requestNames are the requests by NFT_MSG_*.
var requestNames = [...]string{
	unix.NFT_MSG_NEWTABLE:   "add table",
	unix.NFT_MSG_GETTABLE:   "get table",
	unix.NFT_MSG_DELTABLE:   "delete table",
	unix.NFT_MSG_NEWCHAIN:   "add chain",
	unix.NFT_MSG_GETCHAIN:   "get chain",
	unix.NFT_MSG_DELCHAIN:   "delete chain",
	unix.NFT_MSG_NEWRULE:    "add rule",
	unix.NFT_MSG_GETRULE:    "get rules",
	unix.NFT_MSG_DELRULE:    "delete rule",
	unix.NFT_MSG_NEWSET:     "add set",
	unix.NFT_MSG_GETSET:     "get set",
	unix.NFT_MSG_DELSET:     "delete set",
	unix.NFT_MSG_NEWSETELEM: "add element",
	unix.NFT_MSG_GETSETELEM: "get element",
	unix.NFT_MSG_DELSETELEM: "delete element",
	unix.NFT_MSG_GETGEN:     "get generation",
}

func requestName(kind int) string {
	if kind >= 0 && kind < len(requestNames) && requestNames[kind] != "" {
		return requestNames[kind]
	}
	return "batch"
}
