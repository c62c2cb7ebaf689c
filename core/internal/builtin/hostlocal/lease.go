package hostlocal

import (
	"net/netip"
	"strings"
	"time"

	"github.com/libcni/libcni/core/internal/builtin/hostlocal/leaseindex"
	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/plugin"
)

// owner is the holder of an address. Without IfName the lease was written by an old version of the
// executable, which did not record the interface.
type owner struct {
	ContainerID, IfName string
}

// separator separates the two lines of a lease. Nothing can follow them, since the executable
// compares the whole file.
const separator = "\r\n"

// content is the content of a lease's file.
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

// withoutInterface is the owner in a lease that does not record the interface.
func (o owner) withoutInterface() owner { return owner{ContainerID: o.ContainerID} }

func (o owner) String() string {
	if o.IfName == "" {
		return "container " + o.ContainerID
	}
	return "container " + o.ContainerID + " interface " + o.IfName
}

// parseOwner parses the content of a lease. It reports false for one without an owner: an empty
// file or one of NUL bytes, which a power failure leaves.
func parseOwner(content []byte) (owner, bool) {
	text := strings.TrimSpace(string(content))
	if strings.Trim(text, "\x00") == "" {
		return owner{}, false
	}
	containerID, ifName, _ := strings.Cut(text, separator)
	return owner{containerID, ifName}, true
}

// parseFileName parses the name of an address file. It accepts only the canonical form of an
// address, which both implementations write.
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
	garbage bool      // the file has no owner
	boot    string    // of the mark; "" without one
	changed time.Time // of the file's inode, which nobody can set
}

// stale reports whether the mark is of an earlier boot. No container survives a boot.
func (l lease) stale(bootID string) bool {
	return l.boot != "" && bootID != "" && l.boot != bootID
}

// predates reports whether an unmarked lease was written before this boot. That depends on the
// clock, and is used only when no other address is left.
func (l lease) predates(booted time.Time) bool {
	return l.boot == "" && !booted.IsZero() && l.changed.Before(booted)
}

// valid reports whether the lease belongs to one of the attachments. A lease without the interface
// belongs to all of its container's.
func (l lease) valid(attachments map[plugin.AttachmentID]bool, containers map[string]bool) bool {
	if l.owner.IfName == "" {
		return containers[l.owner.ContainerID]
	}
	return attachments[plugin.AttachmentID{ContainerID: l.owner.ContainerID, IfName: l.owner.IfName}]
}

// bootAttribute is the extended attribute with the id of the boot in which a lease was made. A
// third line in the file is not possible: the executable would not recognise the lease and would
// never release it.
const bootAttribute = "user.libcni.boot"

// mark records the boot on an address file. On a file system without extended attributes the lease
// is then like one of the executable's.
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
