package wire

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	md "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Batch collects changes in their order. The zero value is an empty batch.
type Batch struct {
	library *library // holds what it has encoded until the batch is applied
	queue   []change
	sets    uint32 // declared so far; each has its number in the batch
	err     error  // the first of queueing
}

// change is a message, or stands for the next message of the library.
type change struct {
	kind   uint16 // NFT_MSG_*
	family uint8
	body   []byte // nil for one of the library's
}

// Encode lets the library encode one message. Its errors are Apply's.
func (b *Batch) Encode(c *Conn, add func(*nftables.Conn) error) {
	if b.library == nil && b.err == nil {
		b.library, b.err = newLibrary(c)
	}
	if b.err != nil {
		return
	}
	b.queue = append(b.queue, change{})
	b.err = add(b.library.Conn)
}

// Fail makes an error Apply's, unless it is nil.
func (b *Batch) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// AddElements queues new elements. It does without the library, which most batches then do not
// need.
func (b *Batch) AddElements(s SetName, all []Element) {
	b.elements(unix.NFT_MSG_NEWSETELEM, s, all)
}

// DeleteElements queues the deletion of elements. The kernel compares their keys only.
func (b *Batch) DeleteElements(s SetName, all []Element) {
	keys := make([]Element, len(all))
	for i, e := range all {
		keys[i] = Element{Key: e.Key, Last: e.Last, End: e.End}
	}
	b.elements(unix.NFT_MSG_DELSETELEM, s, keys)
}

func (b *Batch) elements(kind uint16, s SetName, all []Element) {
	for _, body := range s.elementLists(all) {
		b.queue = append(b.queue, change{kind, s.Family, body})
	}
}

// IsEmpty reports whether nothing was queued.
func (b *Batch) IsEmpty() bool { return len(b.queue) == 0 && b.err == nil }

// FirstElements returns the family of the first change if that is one of elements.
func (b *Batch) FirstElements() (family uint8, is bool) {
	if len(b.queue) == 0 {
		return 0, false
	}
	first := b.queue[0]
	is = first.kind == unix.NFT_MSG_NEWSETELEM || first.kind == unix.NFT_MSG_DELSETELEM
	return first.family, is
}

// Apply applies the batch, all or nothing, if the generation of the rules is the given one;
// otherwise the error is ErrChanged. It returns the generation that the kernel made with the batch,
// or 0: the kernel makes none if there was nothing to change.
//
// The kernel reports the generation if the first message asks for an echo; it then also reports
// what that message changed. If the first change is one of elements, known may name an existing
// table of its family: a message that makes that table goes first, and changes nothing.
func (c *Conn) Apply(b *Batch, generation uint32, known string) (made uint32, failed error) {
	if b.err != nil {
		return 0, fmt.Errorf("nftables: %w", b.err)
	}
	messages, err := b.messages(generation, known)
	if err != nil {
		return 0, fmt.Errorf("nftables: %w", err)
	}
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}

	first := c.conn.Number(len(messages))
	size := 0
	for _, m := range messages {
		size += netlink.MessageSize(len(m.body))
	}
	datagram := make([]byte, 0, size)
	for i, m := range messages {
		datagram = netlink.AppendMessage(datagram, m.kind, unix.NLM_F_REQUEST|m.flags,
			first+uint32(i), m.body)
	}
	c.enlargeBuffers(len(datagram), len(messages))
	if err := c.conn.Send(datagram); err != nil {
		return 0, err
	}
	return c.verdict(messages, first)
}

type message struct {
	kind, flags uint16
	body        []byte
}

// messages returns all messages of the batch.
func (b *Batch) messages(generation uint32, known string) ([]message, error) {
	var encoded []md.Message
	if b.library != nil {
		var err error
		if encoded, err = b.library.encoded(); err != nil {
			return nil, err
		}
	}

	all := make([]message, 0, len(b.queue)+3)
	all = append(all, begin(generation))
	if family, is := b.FirstElements(); is && known != "" {
		all = append(all, makeTable(family, known))
	}
	for _, q := range b.queue {
		if q.body != nil {
			all = append(all, message{subsystem | q.kind, unix.NLM_F_CREATE, q.body})
			continue
		}
		if len(encoded) == 0 {
			return nil, errors.New("a message was not encoded")
		}
		flags := encoded[0].Header.Flags &^ (md.Echo | md.Acknowledge)
		all = append(all, message{uint16(encoded[0].Header.Type), uint16(flags), encoded[0].Data})
		encoded = encoded[1:]
	}
	all[1].flags |= unix.NLM_F_ECHO
	return append(all, end()), nil
}

// begin makes the message that begins a batch for one generation only.
func begin(generation uint32) message {
	e := body(0, unix.NFNL_SUBSYS_NFTABLES)
	e.BigUint32(unix.NFNL_BATCH_GENID, generation)
	return message{unix.NFNL_MSG_BATCH_BEGIN, 0, e.Encoded()}
}

// end makes the message that ends a batch.
func end() message {
	e := body(0, unix.NFNL_SUBSYS_NFTABLES)
	return message{unix.NFNL_MSG_BATCH_END, 0, e.Encoded()}
}

func makeTable(family uint8, name string) message {
	e := body(family, 0)
	e.String(unix.NFTA_TABLE_NAME, name)
	return message{subsystem | unix.NFT_MSG_NEWTABLE, 0, e.Encoded()}
}

// enlargeBuffers enlarges the kernel's buffers of the socket for a large batch, once.
func (c *Conn) enlargeBuffers(bytes, messages int) {
	const manyBytes, manyMessages = 64 << 10, 64
	const large = 32 << 20
	if !c.large && (bytes > manyBytes || messages > manyMessages) {
		c.large = true
		c.conn.Enlarge(large)
	}
}

// verdict receives the first error, or the generation. All errors come before that.
func (c *Conn) verdict(sent []message, first uint32) (made uint32, failed error) {
	c.conn.Unfinished = true
	for {
		received, err := c.conn.ReceiveNow(c.conn.Buffer)
		switch {
		case errors.Is(err, netlink.ErrEmpty):
			c.conn.Unfinished = false
			return 0, failed
		case errors.Is(err, netlink.ErrLost): // echoes of what was applied
			continue
		case err != nil:
			return 0, fmt.Errorf("nftables: %w", err)
		}
		for _, m := range received {
			switch {
			case m.Kind == unix.NLMSG_ERROR && failed == nil:
				failed = refusal(m.Outcome(), kindOf(sent, m.Seq-first))
			case m.Kind == subsystem|unix.NFT_MSG_NEWGEN && failed == nil:
				c.conn.Unfinished = false
				return parseGeneration(netlink.DecodeAfter(m.Data, headerSize)), nil
			}
		}
	}
}

// kindOf returns what the message is about (NFT_MSG_*), -1 for one that was not sent.
func kindOf(sent []message, i uint32) int {
	if i >= uint32(len(sent)) {
		return -1
	}
	return int(sent[i].kind) - subsystem
}
