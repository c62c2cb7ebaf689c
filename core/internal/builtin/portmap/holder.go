package portmap

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// An attachment may end without our DEL: an executable's DEL does not know our elements, and a rule
// set that was saved before a reboot brings elements back. So a container's address has an element
// with the boot and the host's end of the container's interface. A claim whose holder is proved to
// be gone gives way.

// linked is the map from a container's address to the boot and the index of the host's end of its
// interface.
func linked(f family) set {
	name := "portmap-links4"
	if f == v6 {
		name = "portmap-links6"
	}
	return set{
		Set: nft.Set{Table: table(), Name: name, Key: []nft.Type{f.addrType()},
			Data:    []nft.Type{nft.Mark, nft.Mark},
			Comment: "containers with published ports: boot, and index of the host's link"},
		role:   links,
		family: f,
	}
}

// linkRecord is the data of such an element. A part that is not known is 0.
func linkRecord(bootID string, index int) []byte {
	boot := make([]byte, 4)
	if bootID != "" {
		sum := sha512.Sum512([]byte(bootID))
		copy(boot, sum[:])
	}
	return nft.Key(boot, binary.NativeEndian.AppendUint32(nil, uint32(index)))
}

// hostEnd returns the index of the host's end of the container's interface, 0 if it has none.
func hostEnd(ctx context.Context, inv *plugin.Invocation) (int, error) {
	if inv.Netns == nil {
		return 0, nil
	}
	container, err := kit.Container(ctx, inv)
	if err != nil {
		return 0, err
	}
	end, err := container.LinkByName(ctx, inv.IfName)
	if errors.Is(err, rtnl.ErrNotFound) || err == nil && end.Kind != "veth" {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	return end.Peer, nil
}

// holders finds out which holders of elements are gone, during one change of the rules.
type holders struct {
	inv    *plugin.Invocation
	reader *nft.Reader
	links  map[string][]byte // the records, by identity of the owner; nil until they are read
	// By identity:
	verdict  map[string]bool
	recorded map[string]bool // the state has an attachment that proves to be gone
}

func newHolders(inv *plugin.Invocation, r *nft.Reader) *holders {
	return &holders{inv: inv, reader: r, verdict: map[string]bool{}, recorded: map[string]bool{}}
}

// identity is the part of a comment that identifies the owner.
func identity(comment string) string {
	id, _, _ := strings.Cut(comment, ",")
	return id
}

// isGone reports whether it is proved that an owner's attachment and its link are gone. An
// attachment that the state records, or whose link exists, is not.
func (h *holders) isGone(ctx context.Context, comment string) (bool, error) {
	id := identity(comment)
	if gone, known := h.verdict[id]; known {
		return gone, nil
	}
	gone, err := h.examine(ctx, id)
	if err == nil {
		h.verdict[id] = gone
	}
	return gone, err
}

func (h *holders) examine(ctx context.Context, id string) (bool, error) {
	if err := h.read(); err != nil {
		return false, err
	}
	record, here := h.links[id], linkRecord(h.inv.BootID, 0)
	if len(record) != 8 {
		record = make([]byte, 8)
	}
	isKnown := !isZero(record[:4]) && !isZero(here[:4])
	if isKnown && !bytes.Equal(record[:4], here[:4]) {
		return true, nil // no container outlives its boot
	}
	unplugged := false
	if index := int(binary.NativeEndian.Uint32(record[4:])); isKnown && index != 0 {
		var err error
		if unplugged, err = h.isUnplugged(ctx, index); err != nil || !unplugged {
			return false, err
		}
	}
	if h.inv.Recorded == nil {
		return unplugged, nil
	}
	recorded, gone, err := h.inv.Recorded(ctx, func(network, containerID, ifName string) bool {
		owner := nft.Owner{Network: network, ContainerID: containerID, IfName: ifName}
		return owner.Owns(id)
	})
	if recorded || err != nil {
		h.recorded[id] = recorded
		return gone, err
	}
	return unplugged, nil
}

// isUnplugged reports whether the host has no link of an index. The kernel gives no index twice.
func (h *holders) isUnplugged(ctx context.Context, index int) (bool, error) {
	host, err := kit.Host(ctx, h.inv)
	if err != nil {
		return false, err
	}
	_, err = host.LinkByIndex(ctx, index)
	if errors.Is(err, rtnl.ErrNotFound) {
		return true, nil
	}
	return false, err
}

func isZero(data []byte) bool { return len(bytes.Trim(data, "\x00")) == 0 }

// read reads the records of all links. It is called only if a holder is in doubt.
func (h *holders) read() error {
	if h.links != nil {
		return nil
	}
	found := map[string][]byte{}
	for _, f := range families() {
		elements, err := h.reader.Elements(linked(f).Set)
		if err != nil {
			return err
		}
		for _, e := range elements {
			found[identity(e.Comment)] = e.Data
		}
	}
	h.links = found
	return nil
}

// abandoned returns the owners, by identity, that are gone and hold ports or addresses of the plan.
// If a holder of a port is not gone, the error names it. It also names one that the state records
// to an ADD, so that the engine removes all of that attachment, its address included, and tries
// again.
func (p *plan) abandoned(ctx context.Context, r *nft.Reader,
	inv *plugin.Invocation) (map[string]bool, error) {
	h, gone := newHolders(inv, r), map[string]bool{}
	err := p.conflicts(r, func(one port, taken nft.Element) error {
		isGone, err := h.isGone(ctx, taken.Comment)
		sweeps := !p.exists && h.recorded[identity(taken.Comment)]
		if err == nil && (!isGone || sweeps) {
			err = fault.New(fault.KindExists, nil, "host port %s is taken by %s", one,
				nft.DescribeOwner(taken.Comment)).Contend()
		}
		gone[identity(taken.Comment)] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, t := range p.targets {
		holder, err := p.otherAt(r, t.family, t.addr)
		if err != nil {
			return nil, err
		}
		if holder == nil {
			continue
		}
		isGone, err := h.isGone(ctx, holder.Comment)
		if err != nil {
			return nil, err
		}
		if isGone {
			gone[identity(holder.Comment)] = true
		}
	}
	return gone, nil
}

// otherAt returns the record of a container's address if it is another attachment's, or nil.
func (p *plan) otherAt(r *nft.Reader, f family, addr netip.Addr) (*nft.Element, error) {
	e, err := r.Find(linked(f).Set, nft.Addr(addr))
	if err != nil || e == nil || p.owner.Owns(e.Comment) {
		return nil, err
	}
	return e, nil
}

// clearAddresses removes what attachments that are gone have left at the addresses of a container
// that publishes no port: theirs would lead to it.
func clearAddresses(ctx context.Context, inv *plugin.Invocation) error {
	prefixes, err := containerAddresses(inv)
	if err != nil { // without addresses there is nothing to clear
		return nil
	}
	p := &plan{owner: filter.Owner(inv)}
	for _, f := range families() {
		if prefix, found := prefixes[f]; found {
			p.targets = append(p.targets, target{family: f, addr: prefix.Addr()})
		}
	}
	found := false
	err = nft.View(ctx, func(r *nft.Reader) error {
		p.prefetch(r)
		found = false
		for _, t := range p.targets {
			holder, err := p.otherAt(r, t.family, t.addr)
			if err != nil {
				return err
			}
			found = found || holder != nil
		}
		return nil
	})
	if err != nil || !found {
		return filter.IgnoreUnsupported(err)
	}
	return p.write(ctx, inv, func(*nft.Tx) error { return nil })
}
