package netlink

import (
	"testing"

	library "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// BenchmarkLink looks one link up over a new socket, as each call does, with this package and with
// the library.
func BenchmarkLink(b *testing.B) {
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		buffer := new(Buffer)
		for b.Loop() {
			s, err := Open(unix.NETLINK_ROUTE, 0)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := NewConn(s, buffer).Get(b.Context(), unix.RTM_GETLINK, loopback()); err != nil {
				b.Fatal(err)
			}
			s.Close()
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := library.Dial(unix.NETLINK_ROUTE, nil)
			if err != nil {
				b.Fatal(err)
			}
			if err := c.SetOption(library.ExtendedAcknowledge, true); err != nil {
				b.Fatal(err)
			}
			request := library.Message{Header: library.Header{Type: unix.RTM_GETLINK,
				Flags: library.Request}, Data: loopback()}
			if _, err := c.Execute(request); err != nil {
				b.Fatal(err)
			}
			c.Close()
		}
	})
}
