package nft

import (
	"errors"
	"fmt"

	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// Errors to test for with errors.Is.
var (
	// ErrUnsupported says that the kernel lacks nftables, or the part of it that a request needs.
	ErrUnsupported = wire.ErrUnsupported
	// ErrNotFound says that a table, chain, set, rule or element does not exist.
	ErrNotFound = wire.ErrNotFound
	// ErrExists says that an object exists that differs from the one to be made.
	ErrExists = wire.ErrExists
	// ErrChanged says that other processes changed the rules each time between reading and writing.
	ErrChanged = wire.ErrChanged
)

// Error is the kernel's refusal of a request. It matches the errors above and its error number.
type Error = wire.Error

// TakenError says that a key belongs to another owner.
type TakenError struct {
	Set     Set
	Element Element // as it is
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("set %s already has the key, for %s", e.Set.Name,
		DescribeOwner(e.Element.Comment))
}

// IsTaken returns the *TakenError in an error, or nil.
func IsTaken(err error) *TakenError {
	var taken *TakenError
	if errors.As(err, &taken) {
		return taken
	}
	return nil
}
