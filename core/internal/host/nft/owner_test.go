package nft

import (
	"strings"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

func TestOwners(t *testing.T) {
	o := Owner{"web", "c1", "eth0"}
	for _, test := range []struct {
		name, comment string
		owns, in      bool
		text          string
	}{
		{"its own", o.Comment(), true, true, "container c1, interface eth0, network web"},
		{"of the reference plugin", "cbead8fe640f4d4a-f4d01f2ef4b92245, net: web, if: eth0, id: c1", true, true, "container c1, interface eth0, network web"},
		{"hashes alone", "cbead8fe640f4d4a-f4d01f2ef4b92245", true, true, `"cbead8fe640f4d4a-f4d01f2ef4b92245"`},
		{"another interface", Owner{"web", "c1", "eth1"}.Comment(), false, true, "container c1, interface eth1, network web"},
		{"another network", Owner{"we", "c1", "eth0"}.Comment(), false, false, "container c1, interface eth0, network we"},
		{"begins alike", "cbead8fe640f4d4a-f4d01f2ef4b922456", false, true, `"cbead8fe640f4d4a-f4d01f2ef4b922456"`},
		{"none", "", false, false, "an unknown owner"},
		{"somebody's", "hello", false, false, `"hello"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := o.Owns(test.comment); got != test.owns {
				t.Errorf("owns: %v", got)
			}
			if got := OwnsIn("web", test.comment); got != test.in {
				t.Errorf("in the network: %v", got)
			}
			if got := DescribeOwner(test.comment); got != test.text {
				t.Errorf("described as %q, want %q", got, test.text)
			}
			keep := Keep("web", []Owner{o})
			if got, want := keep(test.comment), test.owns || !test.in; got != want {
				t.Errorf("kept: %v, want %v", got, want)
			}
		})
	}
}

func TestCommentsAreWhatNFTReads(t *testing.T) {
	got := Owner{`a"b\c` + "\n\x00é", strings.Repeat("x", 300), "eth0"}.Comment()
	if len(got) != 128 || strings.ContainsAny(got, "\"\\\n\x00é") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestErrorsTellWhatTheKernelLacks(t *testing.T) {
	for _, test := range []struct {
		name   string
		kind   int
		number syscall.Errno
		want   error // nil for none of the package's
	}{
		{"a kernel without nftables", unix.NFT_MSG_GETGEN, unix.EINVAL, ErrUnsupported},
		{"a family", unix.NFT_MSG_NEWTABLE, unix.EAFNOSUPPORT, ErrUnsupported},
		{"nat chains", unix.NFT_MSG_NEWCHAIN, unix.ENOENT, ErrUnsupported},
		{"an expression", unix.NFT_MSG_NEWRULE, unix.ENOENT, ErrUnsupported},
		{"an element", unix.NFT_MSG_DELSETELEM, unix.ENOENT, ErrNotFound},
		{"an older generation", 0, errRestart, ErrChanged},
		{"another value", unix.NFT_MSG_NEWSETELEM, unix.EEXIST, ErrExists},
		{"a wrong rule", unix.NFT_MSG_NEWRULE, unix.EINVAL, nil},
		{"no right", unix.NFT_MSG_NEWTABLE, unix.EPERM, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := make([]byte, 4+unix.SizeofNlMsghdr)
			number := uint32(-int32(test.number))
			data[0], data[1], data[2], data[3] = byte(number), byte(number>>8), byte(number>>16), byte(number>>24)
			request := netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(subsystem | test.kind), Sequence: 7}}
			err := parseError(syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: unix.NLMSG_ERROR, Seq: 7}, Data: data}, []netlink.Message{request})
			e, ok := err.(*Error)
			if !ok || e.Errno != test.number {
				t.Fatalf("got %v", err)
			}
			for _, known := range []error{ErrUnsupported, ErrNotFound, ErrChanged, ErrExists} {
				if got := e.Is(known); got != (known == test.want) {
					t.Errorf("%q is %q: %v", e, known, got)
				}
			}
		})
	}
}
