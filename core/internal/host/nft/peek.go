package nft

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// peek counts the elements in the first datagram of a listing, which is some dozens at most. Of a large set it drops the
// rest with the socket, so that it costs the same whatever the size. It is for kernels that do not tell the number.
func peek(ctx context.Context, s Set) (int, error) {
	c, err := open(ctx)
	if err != nil {
		return 0, err
	}
	defer c.done()
	count := 0
	q := askElements(s, func(attributes []byte) error {
		return eachAttribute(attributes, func(kind uint16, value []byte) error {
			if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
				return nil
			}
			return eachAttribute(value, func(uint16, []byte) error { count++; return nil })
		})
	})
	if err := c.send(encodeQuestions([]*question{q}, c.sequence), 1); err != nil {
		return 0, err
	}
	c.unfinished = true
	for !q.done && (count == 0 || count < fewElements) {
		messages, err := c.receive()
		if err != nil {
			return 0, err
		}
		for _, m := range messages {
			if m.Header.Seq == c.sequence {
				c.answered(q, m)
			}
		}
	}
	c.sequence++
	c.unfinished = !q.done
	if errors.Is(q.failed, ErrNotFound) {
		return 0, nil
	}
	return count, q.describe(q.failed)
}

// fewElements is what fits a datagram for certain, so that the next one tells the end.
const fewElements = 10
