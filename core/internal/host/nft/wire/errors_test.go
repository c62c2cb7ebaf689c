package wire

import (
	"errors"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

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
		{"an older generation", -1, unix.ERESTART, ErrChanged},
		{"another value", unix.NFT_MSG_NEWSETELEM, unix.EEXIST, ErrExists},
		{"a wrong rule", unix.NFT_MSG_NEWRULE, unix.EINVAL, nil},
		{"no right", unix.NFT_MSG_NEWTABLE, unix.EPERM, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := refusal(&netlink.Error{Errno: test.number}, test.kind)
			if !errors.Is(err, test.number) {
				t.Fatalf("got %v", err)
			}
			for _, known := range []error{ErrUnsupported, ErrNotFound, ErrChanged, ErrExists} {
				if got := errors.Is(err, known); got != (known == test.want) {
					t.Errorf("%q is %q: %v", err, known, got)
				}
			}
		})
	}
}
