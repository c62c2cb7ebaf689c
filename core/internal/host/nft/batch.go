package nft

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// batch is what is queued, in order, and what of the facts known so far it may make untrue.
type batch struct {
	encoder *nftables.Conn // holds what it has encoded until the batch is sent
	queue   []queued
	touched map[fact]bool
	failed  error // of queueing
}

// queued is one message of elements, or the next of the encoder.
type queued struct {
	kind   uint16 // NFT_MSG_*
	flags  netlink.HeaderFlags
	family Family
	body   []byte // nil for one of the encoder's
}

// encode has the encoder queue one message.
func (tx *Tx) encode(add func(*nftables.Conn) error) {
	if tx.encoder == nil && tx.failed == nil {
		tx.encoder, tx.failed = tx.c.newEncoder()
	}
	if tx.failed != nil {
		return
	}
	tx.queue = append(tx.queue, queued{})
	tx.failed = add(tx.encoder)
}

// queueElements goes without the encoder, which most batches then do not need.
func (tx *Tx) queueElements(kind uint16, s Set, elements []kernelElement) {
	for _, body := range s.elementLists(elements) {
		tx.queue = append(tx.queue, queued{kind, netlink.Request | netlink.Create, s.Table.Family, body})
	}
	tx.touch(ofRanges, s.Table, s.Name)
}

func (tx *Tx) touch(about subject, t Table, name string) { tx.touched[fact{about, t, name}] = true }

func (tx *Tx) touchRules(c Chain) {
	tx.touch(ofRules, c.Table, c.Name)
	tx.touch(ofIptables, c.Table, c.Name)
}

func (tx *Tx) touchChain(c Chain) {
	tx.touchRules(c)
	tx.touch(ofChain, c.Table, c.Name)
	tx.touch(ofChains, c.Table, "")
}

func (tx *Tx) touchSet(s Set) {
	tx.touch(ofRanges, s.Table, s.Name)
	tx.touch(ofSet, s.Table, s.Name)
	tx.touch(ofSetNames, s.Table, "")
}

// commit applies what is queued if the rules are still those that were read.
func (tx *Tx) commit() error {
	switch {
	case tx.failed != nil:
		return fmt.Errorf("nftables: %w", tx.failed)
	case len(tx.queue) == 0:
		if tx.c.interrupted {
			return ErrChanged
		}
		return nil
	}
	if err := tx.open(); err != nil {
		return err
	}
	messages, err := tx.messages()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	now, err := tx.c.apply(messages)
	if err != nil {
		return err
	}
	tx.committed(now)
	return nil
}

// committed keeps what is true after the batch. now is the generation that the kernel says it made with it, or 0: it makes
// none if there was nothing to change.
func (tx *Tx) committed(now uint32) {
	if now == tx.began+1 && now != 0 {
		tx.c.pool.memory.advance(tx.c.cookie, tx.began, now, tx.read, tx.touched)
		tx.read = nil
	}
}

// batchGeneration is NFNL_BATCH_GENID: the only generation that the kernel applies the batch to.
const batchGeneration = 1

// messages are all of the batch. The kernel tells the generation it makes if the first one asks for an echo. Of what that
// changes it tells, too, so that a message goes first that changes nothing: one for a table that is there.
func (tx *Tx) messages() ([]netlink.Message, error) {
	encoded, err := tx.encoded()
	if err != nil {
		return nil, err
	}
	all := make([]netlink.Message, 0, len(tx.queue)+3)
	all = append(all, message(unix.NFNL_MSG_BATCH_BEGIN, netlink.Request, 0, batchOf,
		appendNumber(nil, batchGeneration, tx.began)))
	first := tx.queue[0]
	t := Own(first.family)
	if told, known := tx.table(t); first.body != nil && known && told.there && !tx.tables[t] {
		all = append(all, message(subsystem|unix.NFT_MSG_NEWTABLE, netlink.Request, first.family, 0, appendName(nil, unix.NFTA_TABLE_NAME, t.Name)))
	}
	for _, q := range tx.queue {
		if q.body != nil {
			all = append(all, message(subsystem|q.kind, q.flags, q.family, 0, q.body))
			continue
		}
		if len(encoded) == 0 {
			return nil, errors.New("a message was not encoded")
		}
		all, encoded = append(all, encoded[0]), encoded[1:]
	}
	all[1].Header.Flags |= netlink.Echo
	all = append(all, message(unix.NFNL_MSG_BATCH_END, netlink.Request, 0, batchOf, nil))
	for i := range all {
		all[i].Header.Sequence = tx.c.sequence
		tx.c.sequence++
	}
	return all, nil
}

// batchOf is the subsystem that a batch is for.
const batchOf = unix.NFNL_SUBSYS_NFTABLES

func message(kind uint16, flags netlink.HeaderFlags, f Family, resource byte, attributes []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Length: uint32(unix.SizeofNlMsghdr + genericHeader + len(attributes)), Type: netlink.HeaderType(kind), Flags: flags},
		Data:   append([]byte{byte(f), unix.NFNETLINK_V0, 0, resource}, attributes...),
	}
}

// encoded takes the messages from the encoder, which would send them.
func (tx *Tx) encoded() ([]netlink.Message, error) {
	if tx.encoder == nil {
		return nil, nil
	}
	var taken []netlink.Message
	tx.c.taker = func(m []netlink.Message) { taken = m }
	defer func() { tx.c.taker = nil }()
	if err := tx.encoder.Flush(); err != nil {
		return nil, err
	}
	if len(taken) < 2 {
		return nil, errors.New("nothing was encoded")
	}
	taken = taken[1 : len(taken)-1] // without the messages around a batch
	for i := range taken {
		taken[i].Header.Flags &^= netlink.Echo | netlink.Acknowledge
	}
	return taken, nil
}

// apply sends a batch. It returns the generation that the kernel made with it, 0 if it tells none. All errors come before
// that.
func (c *conn) apply(messages []netlink.Message) (now uint32, failed error) {
	if err := c.sendMessages(messages); err != nil {
		return 0, err
	}
	c.unfinished = true
	for {
		received, err := c.receive()
		switch {
		case errors.Is(err, unix.EAGAIN):
			c.unfinished = false
			return 0, failed
		case errors.Is(err, unix.ENOBUFS): // of what was applied
			continue
		case err != nil:
			return 0, fmt.Errorf("nftables: %w", err)
		}
		for _, m := range received {
			switch {
			case m.Header.Type == unix.NLMSG_ERROR && failed == nil:
				failed = parseError(m, messages)
			case m.Header.Type == subsystem|unix.NFT_MSG_NEWGEN && failed == nil && len(m.Data) > genericHeader:
				c.unfinished = false
				return now, askGeneration(&now).answer(m.Data[genericHeader:])
			}
		}
	}
}
