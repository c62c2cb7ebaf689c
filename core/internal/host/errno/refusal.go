package errno

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// needed lists the capabilities with which libcni can do all it does.
func needed() []capability {
	return []capability{{"CAP_NET_ADMIN", unix.CAP_NET_ADMIN}, {"CAP_SYS_ADMIN", unix.CAP_SYS_ADMIN}}
}

type capability struct {
	name string
	bit  int
}

// Refusal says why an operation of the calling thread was refused, as far as that is known.
func Refusal() string {
	effective, err := effectiveCapabilities()
	if err != nil {
		return "it may need " + names(needed())
	}
	return refusal(effective)
}

// refusal is Refusal for a thread with the given effective capabilities.
func refusal(effective uint64) string {
	var missing []capability
	for _, c := range needed() {
		if effective&(1<<c.bit) == 0 {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return fmt.Sprintf("this thread lacks %s", names(missing))
	}
	return fmt.Sprintf("this thread has %s, so the reason is another one: the owner or mode of a "+
		"file, a read-only mount, the user namespace, a security module or a seccomp filter",
		names(needed()))
}

func names(list []capability) string {
	var all []string
	for _, c := range list {
		all = append(all, c.name)
	}
	return strings.Join(all, " and ")
}

// HasCapability reports whether the calling thread is known to have a capability.
func HasCapability(bit int) bool {
	effective, err := effectiveCapabilities()
	return err == nil && effective&(1<<bit) != 0
}

// effectiveCapabilities returns the set of the calling thread, bit by bit.
func effectiveCapabilities() (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, err
	}
	return uint64(data[0].Effective) | uint64(data[1].Effective)<<32, nil
}
