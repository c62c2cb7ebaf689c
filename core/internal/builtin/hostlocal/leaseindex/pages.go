package leaseindex

import (
	"math/bits"
	"net/netip"
)

// A page is the bitmap of 512 addresses. It is small enough that random addresses of a large IPv6
// range cost little, and large enough to pass a full /16 in 128 reads.
const (
	pageBits = 9
	pageSize = 1 << pageBits / 8
)

// NextFree returns the first free address between two addresses, inclusive; the zero address if all
// are taken.
func (x *Index) NextFree(from, to netip.Addr) (netip.Addr, error) {
	for {
		page, offset := pageOf(from)
		taken, exists := make([]byte, pageSize), false
		err := x.pages.find(page, func(_ uint32, value []byte) bool {
			copy(taken, value)
			exists = true
			return true
		})
		if err != nil || !exists {
			return from, err
		}
		if free := firstZero(taken, offset); free >= 0 {
			addr := addressIn(page, free, from.Is4())
			if to.Less(addr) {
				return netip.Addr{}, nil
			}
			return addr, nil
		}
		last := addressIn(page, 1<<pageBits-1, from.Is4())
		if !last.Less(to) {
			return netip.Addr{}, nil
		}
		from = last.Next()
	}
}

func (x *Index) page(k key) (bitmap []byte, slot uint32, exists bool, err error) {
	bitmap = make([]byte, pageSize)
	err = x.pages.find(k, func(at uint32, value []byte) bool {
		copy(bitmap, value)
		slot, exists = at, true
		return true
	})
	return bitmap, slot, exists, err
}

// pageOf returns the page of an address, and its bit there.
func pageOf(addr netip.Addr) (page key, offset int) {
	page = addr.As16()
	offset = int(page[15]) | int(page[14]&1)<<8
	page[15], page[14] = 0, page[14]&^1
	return page, offset
}

func addressIn(page key, offset int, v4 bool) netip.Addr {
	page[15] = byte(offset)
	page[14] |= byte(offset >> 8)
	addr := netip.AddrFrom16(page)
	if v4 {
		return addr.Unmap()
	}
	return addr
}

// firstZero returns the first bit from a position on that is not set, or -1.
func firstZero(bitmap []byte, from int) int {
	for offset := from; offset < len(bitmap)*8; {
		if free := ^bitmap[offset/8] >> (offset % 8); free != 0 {
			return offset + bits.TrailingZeros8(free)
		}
		offset = (offset/8 + 1) * 8
	}
	return -1
}
