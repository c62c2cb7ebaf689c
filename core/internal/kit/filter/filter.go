// Package filter is what plugins with objects in nftables share: the owner of an object, and
// kernels without nftables.
package filter

import (
	"context"
	"errors"
	"fmt"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// Owner is the owner of the objects that are made for an attachment.
func Owner(inv *plugin.Invocation) nft.Owner {
	return nft.Owner{Network: inv.Network, ContainerID: inv.ContainerID, IfName: inv.IfName}
}

// Keeper returns a function that reports for an object's comment whether GC keeps the object: it
// belongs to a valid attachment, or to no attachment of the network.
func Keeper(network string, valid []plugin.AttachmentID) func(comment string) bool {
	owners := make([]nft.Owner, len(valid))
	for i, id := range valid {
		owners[i] = nft.Owner{Network: network, ContainerID: id.ContainerID, IfName: id.IfName}
	}
	return nft.Keep(network, owners)
}

// CheckElement returns the difference of an element that is missing or belongs to another
// attachment. name is the element's in messages.
func CheckElement(r *nft.Reader, set nft.Set, key []byte, name string, owner nft.Owner,
) ([]fault.Drift, error) {
	e, err := r.Find(set, key)
	if err != nil {
		return nil, err
	}
	d := fault.Drift{Object: fmt.Sprintf("nftables set %s element %s", set.Name, name)}
	switch {
	case e == nil:
		d.Expected, d.Actual = "present", "missing"
	case !owner.Owns(e.Comment):
		d.Expected = "for " + nft.DescribeOwner(owner.Comment())
		d.Actual = "for " + nft.DescribeOwner(e.Comment)
	default:
		return nil, nil
	}
	return []fault.Drift{d}, nil
}

// IgnoreUnsupported drops the error of a kernel without nftables, which has nothing to remove.
func IgnoreUnsupported(err error) error {
	if errors.Is(err, nft.ErrUnsupported) {
		return nil
	}
	return err
}

// Unsupported gives the error of a kernel without nftables its kind. need says what needs nftables,
// and which kernel options that takes.
func Unsupported(err error, need string) error {
	if errors.Is(err, nft.ErrUnsupported) {
		return fault.New(fault.KindUnsupported, err, "%s", need)
	}
	return err
}

// Available is STATUS of a plugin with chains in nftables: an error with code 50 if the kernel
// lacks nftables, and warnings of what makes the chains ineffective. need is as in Unsupported.
func Available(ctx context.Context, inv *plugin.Invocation, need string,
	chains ...nft.Chain) error {
	var found []fault.Drift
	err := nft.View(ctx, func(r *nft.Reader) (err error) {
		found, err = CheckChains(r, chains...)
		return err
	})
	Warn(inv, found)
	return Unavailable(Unsupported(err, need))
}

// Unavailable gives an error of STATUS the code of a plugin that cannot be used, unless it has the
// code of limited connectivity.
func Unavailable(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code != fault.CodeLimitedConnectivity {
		f.Code = fault.CodePluginNotAvailable
	}
	return err
}
