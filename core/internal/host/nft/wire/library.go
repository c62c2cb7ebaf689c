package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/google/nftables"
	md "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// library is google/nftables over the socket of a Conn. It takes longer to make than a question
// takes to be answered.
type library struct {
	*nftables.Conn
	over   *Conn
	taken  func([]md.Message) // gets what the library sends, in place of the kernel
	failed error              // of the last exchange, whose error number the library would lose
}

func newLibrary(over *Conn) (*library, error) {
	l := &library{over: over}
	var err error
	l.Conn, err = nftables.New(nftables.WithTestDial(l.exchange), nftables.AsLasting())
	return l, err
}

// exchange sends the requests and returns the answers. Without requests the library asks for more
// answers, which do not exist.
func (l *library) exchange(requests []md.Message) ([]md.Message, error) {
	if len(requests) == 0 {
		return nil, io.EOF
	}
	if l.taken != nil {
		l.taken(requests)
		return nil, io.EOF
	}

	answers, err := l.over.talk(requests)
	if l.failed = err; err != nil || len(answers) == 0 {
		return nil, io.EOF
	}
	return answers, nil
}

// talk asks the kernel what the library asks.
func (c *Conn) talk(messages []md.Message) (answers []md.Message, err error) {
	requests := make([]*netlink.Request, len(messages))
	for i, m := range messages {
		requests[i] = &netlink.Request{Kind: uint16(m.Header.Type), Flags: uint16(m.Header.Flags),
			Body:   m.Data,
			Answer: func(m netlink.Message) { answers = append(answers, libraryMessage(m)) }}
	}
	err = c.conn.Exchange(c.ctx, requests...)
	if errors.Is(err, netlink.ErrLost) {
		c.Interrupted = true
		return nil, ErrChanged
	}
	if err != nil {
		return nil, err
	}
	for _, r := range requests {
		c.Interrupted = c.Interrupted || r.Interrupted
		if r.Err != nil {
			return nil, refusal(r.Err, int(r.Kind)-subsystem)
		}
	}
	return answers, nil
}

func libraryMessage(m netlink.Message) md.Message {
	return md.Message{
		Header: md.Header{
			Length:   uint32(unix.SizeofNlMsghdr + len(m.Data)),
			Type:     md.HeaderType(m.Kind),
			Flags:    md.HeaderFlags(m.Flags) &^ md.Multi, // all parts are here
			Sequence: m.Seq,
		},
		Data: bytes.Clone(m.Data),
	}
}

// Rules returns the rules of a chain as the library decodes them, which knows all expressions.
func (c *Conn) Rules(table *nftables.Table, chain *nftables.Chain) (rules []*nftables.Rule,
	found bool, err error) {
	l, err := newLibrary(c)
	if err != nil {
		return nil, false, fmt.Errorf("nftables: %w", err)
	}

	rules, err = l.GetRules(table, chain)
	switch {
	case c.Interrupted:
		return nil, false, ErrChanged
	case errors.Is(l.failed, ErrNotFound):
		return nil, false, nil
	case l.failed != nil: // the kernel's error takes precedence over the decoder's
		return nil, false, l.failed
	case err != nil:
		return nil, false, fmt.Errorf("nftables: %w", err)
	}
	return rules, true, nil
}

// encoded takes the messages from the library that it would send as a batch.
func (l *library) encoded() ([]md.Message, error) {
	var taken []md.Message
	l.taken = func(m []md.Message) { taken = m }
	defer func() { l.taken = nil }()
	if err := l.Flush(); err != nil {
		return nil, err
	}
	if len(taken) < 2 {
		return nil, errors.New("nothing was encoded")
	}
	return taken[1 : len(taken)-1], nil // without the messages that begin and end a batch
}
