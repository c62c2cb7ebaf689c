package hostlocal

import (
	"net/netip"
	"strings"
	"time"

	"github.com/libcni/libcni/core/internal/builtin/hostlocal/leaseindex"
	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/plugin"
)

// owner is who holds an address. An empty IfName is a lease written by a version of the executable that did not record
// the interface.
type owner struct {
	ContainerID, IfName string
}

// separator stands between the two lines of a lease; the executable compares all of the file, so nothing can follow.
const separator = "\r\n"

// content is what the file of a lease holds.
func (o owner) content() string {
	if o.IfName == "" {
		return o.ContainerID
	}
	return o.ContainerID + separator + o.IfName
}

// indexed is the owner in the index.
func (o owner) indexed() leaseindex.Owner {
	if o == (owner{}) {
		return leaseindex.Owner{}
	}
	return leaseindex.NewOwner(o.ContainerID, o.content())
}

// legacy is the owner as old leases name it.
func (o owner) legacy() owner { return owner{ContainerID: o.ContainerID} }

func (o owner) String() string {
	if o.IfName == "" {
		return "container " + o.ContainerID
	}
	return "container " + o.ContainerID + " interface " + o.IfName
}

// parseOwner reads the content of a lease. It is false for one that names nobody, which is what a power failure leaves:
// an empty file, or one of NUL bytes.
func parseOwner(content []byte) (owner, bool) {
	text := strings.TrimSpace(string(content))
	if strings.Trim(text, "\x00") == "" {
		return owner{}, false
	}
	containerID, ifName, _ := strings.Cut(text, separator)
	return owner{containerID, ifName}, true
}

// parseFileName reads the name of an address file. Only the usual form of an address counts, in which both
// implementations write it.
func parseFileName(name string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(name)
	if err != nil || addr.Zone() != "" || addr.Is4In6() || addr.String() != name {
		return netip.Addr{}, false
	}
	return addr, true
}

// lease is one address file.
type lease struct {
	addr    netip.Addr
	owner   owner
	garbage bool      // the file names nobody
	boot    string    // what the mark says; "" without one
	changed time.Time // of the file's inode, which no one can set back
}

// stale says that the lease is of an earlier boot by its mark. No container outlives the boot.
func (l lease) stale(bootID string) bool {
	return l.boot != "" && bootID != "" && l.boot != bootID
}

// predates says that an unmarked lease was written before this boot. That rests on the clock, so it is only asked when
// there is no other address left.
func (l lease) predates(booted time.Time) bool {
	return l.boot == "" && !booted.IsZero() && l.changed.Before(booted)
}

// valid says that the lease belongs to one of the attachments. An old lease belongs to all of its container.
func (l lease) valid(attachments map[plugin.AttachmentID]bool, containers map[string]bool) bool {
	if l.owner.IfName == "" {
		return containers[l.owner.ContainerID]
	}
	return attachments[plugin.AttachmentID{ContainerID: l.owner.ContainerID, IfName: l.owner.IfName}]
}

// bootAttribute is the extended attribute that holds the id of the boot a lease is of. A third line in the file would
// make the executable fail to recognise the lease, and never release it.
const bootAttribute = "user.libcni.boot"

// mark notes the boot on an address file. A file system without extended attributes goes without: the lease then is
// like one of the executable's.
func mark(path, bootID string) {
	if bootID != "" {
		_ = file.SetAttribute(path, bootAttribute, []byte(bootID))
	}
}

func readMark(path string) string {
	const limit = 64 // a boot id has 36 bytes
	value, err := file.Attribute(path, bootAttribute, limit)
	if err != nil {
		return ""
	}
	return string(value)
}
