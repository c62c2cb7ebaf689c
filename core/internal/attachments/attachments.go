// Package attachments owns what is attached: the cache, which is shared with Go's libcni, the intents, which are
// written before anything is made, and the locks of attachments and networks.
//
// The cache is <cacheDir>/results/NETWORK-CONTAINERID-IFNAME, in the format of Go's libcni with one member of ours
// beside its own. That name is ambiguous ("a-b" + "c", "a" + "b-c"), so what a file says it is counts, and an
// attachment whose file would replace another's is refused. Intents are in <stateDir>/intents under unambiguous names.
// An entry is written to a temporary file that is renamed, so there is never half of one. So is an intent that replaces
// another; the first one is written in place, since nothing is made before it is complete. Nothing is synced to disk: no
// container outlives the boot, and after a power loss all is stale anyway. Files that are empty or make no sense
// count as none.
//
// # Locks
//
// One file, <cacheDir>/libcni/locks/calls, never removed, holds a byte range lock for each name. A call opens it once,
// takes its locks in this order, and releases them explicitly:
//
//  1. gates: a GC holds its network's gate exclusively while it waits for the network; every other call passes it,
//     that is, waits until nobody holds it. So a stream of calls cannot keep a GC waiting for ever. A call waits at
//     the gate for 2 s and then goes on, because it may come from a plugin whose caller the GC is waiting for.
//  2. networks: shared by calls on an attachment, exclusive for GC.
//  3. attachments: exclusive. Attachments that would have the same file share a lock.
//
// A call that holds an attachment may lock another one, of the same network or not: a plugin may call back. Locks of
// other packages (each bridge, nft) come after these.
package attachments

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Key names an attachment.
type Key struct{ Network, ContainerID, IfName string }

func (k Key) String() string {
	return fmt.Sprintf("%s of container %s on network %s", k.IfName, k.ContainerID, k.Network)
}

// maxFileName is NAME_MAX of Linux.
const maxFileName = 255

// fileName returns the name that the cache file of k has, for Go's libcni too. Names are validated where they enter;
// what is refused here is what would leave the directory, or has no room in a file name.
func (k Key) fileName() (string, error) {
	for _, part := range []struct{ key, value string }{
		{"network", k.Network}, {"containerId", k.ContainerID}, {"ifName", k.IfName},
	} {
		if part.value == "" || strings.ContainsAny(part.value, "/\x00") {
			return "", fault.InvalidRequest(part.key, "%s %q cannot be part of a file name", part.key, part.value)
		}
	}
	name := k.Network + "-" + k.ContainerID + "-" + k.IfName
	if len(name) > maxFileName {
		return "", fault.InvalidRequest("containerId", "the names of the network, the container and the interface have %d bytes together with two dashes; %d is the limit, as the cache file bears them",
			len(name), maxFileName)
	}
	return name, nil
}

// Validate refuses a key whose cache file name would be too long, or no file name.
func (k Key) Validate() error {
	_, err := k.fileName()
	return err
}

// Entry is what is known of an attachment.
type Entry struct {
	Key
	Netns          string                    // the path it was attached with; says nothing of where it leads now
	Cookie         uint64                    // of the network namespace
	Owner          string                    // who attached
	CNIVersion     string                    // the configuration's
	Created        time.Duration             // CLOCK_BOOTTIME, of the boot BootID
	BootID         string                    //
	Config         jsontext.Value            // the configuration list; nil if the file has none that is JSON
	Args           plugin.Args               //
	CapabilityArgs map[string]jsontext.Value //
	Result         jsontext.Value            // of the last plugin; nil if it did not come to that
	HostIfName     string                    // the host's end of an interface pair, named before it is made
	MAC            string                    // of the container's interface
	IfIndex        int                       // of the container's interface, in its namespace
	Plugins        []Ran                     // in the order of the list
	Incomplete     bool                      // from an intent: an ADD or DEL did not end
	ByGoLibcni     bool                      // written by Go's libcni, so Owner, Created, BootID, Cookie and what follows Result are unknown
}

// Ran says which implementation of a plugin ran, so that the same one deletes.
type Ran struct {
	Type    string
	Builtin bool
	Path    string
	Result  jsontext.Value
}

// AsOf is a moment of a boot. Its text is a token that callers of GC hand back and need not understand.
type AsOf struct {
	BootID string
	Now    time.Duration // CLOCK_BOOTTIME
}

func (a AsOf) String() string { return a.BootID + ":" + strconv.FormatInt(int64(a.Now), 10) }

// ParseAsOf reads what String wrote.
func ParseAsOf(text string) (AsOf, error) {
	i := strings.LastIndexByte(text, ':')
	now, err := strconv.ParseInt(text[i+1:], 10, 64)
	if i < 0 || err != nil || now < 0 {
		return AsOf{}, errors.New("not what cni_attachments gave as asOf")
	}
	return AsOf{BootID: text[:i], Now: time.Duration(now)}, nil
}

// NewerThan reports whether e may be missing from a list that was begun at a: it is of the same boot and not older.
// An entry of another boot never is.
func (e *Entry) NewerThan(a AsOf) bool {
	return !e.ByGoLibcni && e.BootID == a.BootID && e.Created >= a.Now
}
