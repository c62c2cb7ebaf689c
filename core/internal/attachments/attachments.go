// Package attachments keeps the state on disk: the cache, which it shares with Go's libcni; the
// intents, which are written before anything is made; and the locks of attachments and networks.
//
// The cache entry of an attachment is the file <cacheDir>/results/NETWORK-CONTAINERID-IFNAME, in
// the format of Go's libcni with one additional member. Such a name is ambiguous ("a-b" + "c", "a"
// + "b-c"). So the content of a file decides whose it is, and an attachment whose file would
// replace another attachment's is refused. Intents are in <stateDir>/intents under unambiguous
// names.
//
// An entry is written to a temporary file that is then renamed, so that there is never half an
// entry. So is an intent that replaces another one. The first intent is written in place, because
// nothing is made before it is complete. Nothing is synced to disk: containers do not outlive the
// boot, so that all state is stale after a power loss. Files that are empty or malformed count as
// absent.
//
// # Locks
//
// The file <cacheDir>/libcni/locks/calls, which is never removed, holds a byte range lock for each
// name. A call opens it once, takes its locks in this order, and releases them explicitly:
//
//  1. gates: a GC holds the gate of its network exclusively while it waits for the network. Every
//     other call passes the gate: it waits until no call holds it. So a stream of calls does not
//     delay a GC for ever. A call waits at the gate for 2 s at most, because it may come from a
//     plugin whose caller the GC waits for. Then it overtakes the GC: one call at a time does, with
//     the network's lock for overtaking. While a GC has the network no other GC closes the gate, so
//     that calls and GCs take turns.
//  2. networks: shared by calls on an attachment, exclusive for GC.
//  3. attachments: exclusive. Attachments that would have the same file share a lock.
//
// A call that holds an attachment may lock another one, of the same network or not, because a
// plugin may call back. Locks of other packages (each bridge, nft) come after these.
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

// fileName returns the name that the cache file of k has, for Go's libcni too. Names are validated
// where they enter. This function refuses those that would lead out of the directory or are too
// long for a file name.
func (k Key) fileName() (string, error) {
	for _, part := range []struct{ key, value string }{
		{"network", k.Network}, {"containerId", k.ContainerID}, {"ifName", k.IfName},
	} {
		if part.value == "" || strings.ContainsAny(part.value, "/\x00") {
			return "", fault.InvalidRequest(part.key, "%s %q cannot be part of a file name", part.key,
				part.value)
		}
	}

	name := k.Network + "-" + k.ContainerID + "-" + k.IfName
	if len(name) > maxFileName {
		return "", fault.InvalidRequest("containerId",
			"network, containerId and ifName with two dashes have %d bytes; a file name has at most %d",
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
	// as given to ADD; it may lead elsewhere now
	Netns      string
	Cookie     uint64        // of the network namespace
	Owner      string        // who attached
	CNIVersion string        // the configuration's
	Created    time.Duration // CLOCK_BOOTTIME, of the boot BootID
	BootID     string        //
	// the configuration list; nil if it is not JSON
	Config         jsontext.Value
	Args           plugin.Args               //
	CapabilityArgs map[string]jsontext.Value //
	Result         jsontext.Value            // of the last plugin; nil if none has run
	// the host's end of a pair; known before it is made
	HostIfName string
	MAC        string // of the container's interface
	IfIndex    int    // of the container's interface, in its namespace
	Plugins    []Ran  // in the order of the list
	Incomplete bool   // from an intent: an ADD or DEL did not end
	// written by Go's libcni, which keeps none of our additions
	ByGoLibcni bool
}

// Ran says which implementation of a plugin ran, so that the same one deletes.
type Ran struct {
	Type    string
	Builtin bool
	Path    string
	Result  jsontext.Value
}

// AsOf is a moment of a boot. Its text is an opaque token that callers of GC give back.
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

// NewerThan reports whether e may be missing from a list that was begun at a: it is of the same
// boot and not older. It is false for an entry of another boot.
func (e *Entry) NewerThan(a AsOf) bool {
	return !e.ByGoLibcni && e.BootID == a.BootID && e.Created >= a.Now
}
