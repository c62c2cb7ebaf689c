package bridge_test

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

func ownerOf(network, id string) string {
	return nft.Owner{Network: network, ContainerID: id, IfName: "eth0"}.Comment()
}

// frame is a UDP datagram in an Ethernet frame, untouched by the kernel of the sender.
func frame(source, destination net.HardwareAddr, from, to netip.Addr, word string) []byte {
	udp := append([]byte{0x1b, 0x59, 0x1b, 0x58, 0, byte(8 + len(word)), 0, 0}, word...)
	ip := []byte{0x45, 0, 0, byte(20 + len(udp)), 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}
	ip = append(append(ip, from.AsSlice()...), to.AsSlice()...)
	sum := uint32(0)
	for i := 0; i < len(ip); i += 2 {
		sum += uint32(ip[i])<<8 | uint32(ip[i+1])
	}
	sum = ^(sum>>16 + sum&0xffff)
	ip[10], ip[11] = byte(sum>>8), byte(sum)
	return append(append(append(append(append([]byte{}, destination...), source...), 8, 0), ip...),
		udp...)
}

// inject sends a frame from inside a container.
func inject(t *testing.T, c *kittest.Container, data []byte) {
	t.Helper()
	kittest.Must(t, c.NS.Do(t.Context(), func() error {
		link, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, data, 0, &unix.SockaddrLinklayer{Ifindex: link.Index, Halen: 6})
	}))
}

func TestSpoofedFramesAreDropped(t *testing.T) {
	for _, test := range []struct {
		name, members string
		want          string
	}{
		{"checked", `"macspoofchk":true`, "honest."},
		{"not checked", `"macspoofchk":false`, "spoofed.honest."},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			a, b := r.container("c1"), r.container("c2")
			config := r.onNetwork(1, test.members)
			r.attach(1, a, config)
			r.attach(1, b, config)
			heard := make(chan string)
			kittest.Must(t, b.NS.Do(t.Context(), func() error {
				conn, err := net.ListenPacket("udp", "10.1.0.3:7000")
				if err != nil {
					return err
				}
				t.Cleanup(func() { conn.Close() })
				go func() {
					buf, words := make([]byte, 100), ""
					for !strings.HasSuffix(words, "honest.") {
						n, _, err := conn.ReadFrom(buf)
						if err != nil {
							words += err.Error()
							break
						}
						words += string(buf[:n])
					}
					heard <- words
				}()
				return nil
			}))
			own, theirs := r.Link(a.Conn, "eth0").MAC, r.Link(b.Conn, "eth0").MAC
			from, to := netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.1.0.3")
			// Frames keep their order, so that the honest one arrives after the other has been handled.
			inject(t, a, frame(net.HardwareAddr{2, 0, 0, 0, 0, 99}, theirs, from, to, "spoofed."))
			inject(t, a, frame(own, theirs, from, to, "honest."))
			select {
			case got := <-heard:
				if got != test.want {
					t.Errorf("arrived: %q, want %q", got, test.want)
				}
			case <-time.After(5 * time.Second):
				t.Error("not even the honest frame arrived")
			}
		})
	}
}

func TestSpoofCheckRules(t *testing.T) {
	r := newRig(t)
	attachAll := func(from, to int) {
		for i := from; i < to; i++ {
			number := 1 + i%2
			r.attach(number, r.container(fmt.Sprintf("c%d", i)),
				r.onNetwork(number,
					fmt.Sprintf(`"macspoofchk":true,"args":{"cni":{"mac":"02:00:00:00:00:%02x"}}`, i)))
		}
	}
	attachAll(0, 2)
	kittest.Golden(t, "macspoofchk-2.nft", kittest.Table(t, "bridge"))
	before := ruleLines(kittest.Table(t, "bridge"))
	attachAll(2, 30)
	if after := ruleLines(kittest.Table(t, "bridge")); after != before {
		t.Errorf("rules with 30 containers:\n%s\nwith 2:\n%s", after, before)
	}
	kittest.Reload(t)
	for i := range 30 {
		number := 1 + i%2
		r.detach(number,
			&kittest.Container{
				ID: fmt.Sprintf("c%d", i), IfName: "eth0", HostIfName: fmt.Sprintf("vethc%d", i),
			}, r.onNetwork(number, `"macspoofchk":true`), nil)
	}
	kittest.Golden(t, "macspoofchk-0.nft", kittest.Table(t, "bridge"))
}

// ruleLines are the rules without the elements.
func ruleLines(listing string) string {
	return regexp.MustCompile(`(?s)elements = \{.*?\n\t\}`).ReplaceAllString(listing, "")
}
