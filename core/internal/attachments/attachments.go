// Package attachments keeps the state on disk: the cache, which it shares with Go's libcni; the
// intents, which are written before anything is made; and the locks of attachments and networks.
//
// The cache entry of an attachment is the file <cacheDir>/results/NETWORK-CONTAINERID-IFNAME, in
// the format of Go's libcni with one additional member. Such a name is ambiguous ("a-b" + "c", "a"
// + "b-c"). So the content of a file decides whose it is, and an attachment whose file would
// replace another attachment's is refused. Intents are in <stateDir>/intents under unambiguous
// names. <stateDir>/claims has a link for each attachment that says which cache records it, or a
// file where the file system has no links.
//
// An entry is written to a temporary file that is then renamed, so that there is never half an
// entry. So is an intent that replaces another one. The first intent is written in place, because
// nothing is made before it is complete. Nothing is synced to disk: containers do not outlive the
// boot, so that all state is stale after a power loss. Files that are empty or malformed count as
// absent, and are reported with the attachment that their name tells. A file that states another
// attachment than its name is malformed.
//
// The directories and files must belong to root or to the caller, and only their owner may write to
// them: an entry says what a DEL removes and which programs it runs.
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
	"math"
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
	Inode      uint64        // of the network namespace; 0 if not known
	Owner      string        // who attached
	CNIVersion string        // the configuration's
	Created    time.Duration // since the boot BootID
	BootID     string        //
	// the configuration list; nil if it is not JSON
	Config         jsontext.Value
	Args           plugin.Args               //
	CapabilityArgs map[string]jsontext.Value //
	Result         jsontext.Value            // of the last plugin; nil if none has run
	// the host's end of a pair; known before it is made
	HostIfName string
	HostCookie uint64 // of the host's network namespace, if the end of that name was made; else 0
	MAC        string // of the container's interface
	IfIndex    int    // of the container's interface, in its namespace
	Plugins    []Ran  // in the order of the list
	Incomplete bool   // from an intent: an ADD or DEL did not end
	// written by Go's libcni, which keeps none of our additions
	ByGoLibcni bool
	Modified   time.Time // of the file, if ByGoLibcni
}

// Ran says which implementation of a plugin ran, so that the same one deletes.
type Ran struct {
	Type    string
	Builtin bool
	Path    string
	Result  jsontext.Value
}

// AsOf is a moment of a boot, on two clocks. Its text is an opaque token that callers of GC give
// back.
type AsOf struct {
	BootID string
	Now    time.Duration // since the boot
	Wall   time.Time     // the time of day, for files; zero in a token of version 0.1
}

func (a AsOf) String() string {
	text := a.BootID + ":" + strconv.FormatInt(int64(a.Now), 10)
	if !a.Wall.IsZero() {
		text += ":" + strconv.FormatInt(a.Wall.UnixNano(), 10)
	}
	return text
}

// ParseAsOf reads what String wrote.
func ParseAsOf(text string) (AsOf, error) {
	malformed := errors.New("not what cni_attachments gave as asOf")
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return AsOf{}, malformed
	}

	var clocks [2]int64
	for i, part := range parts[1:] {
		value, err := strconv.ParseInt(part, 10, 64)
		if err != nil || value < 0 {
			return AsOf{}, malformed
		}
		clocks[i] = value
	}

	a := AsOf{BootID: parts[0], Now: time.Duration(clocks[0])}
	if len(parts) == 3 {
		a.Wall = time.Unix(0, clocks[1])
	}
	return a, nil
}

// fileTimeError is how much earlier a file's time may be than the moment of its writing, because
// the kernel takes it from a clock that advances with its ticks.
const fileTimeError = time.Second

// Age returns how old e is at a moment. An entry of Go's libcni is as old as its file, which is 0
// if the file is of the future; one of another boot is older than any other.
func (e *Entry) Age(at AsOf) time.Duration {
	switch {
	case e.ByGoLibcni:
		return max(0, at.Wall.Sub(e.Modified))
	case e.BootID == at.BootID:
		return at.Now - e.Created
	default:
		return math.MaxInt64
	}
}

// NewerThan reports whether e may be missing from a list that was begun at a: it is of the same
// boot and not older. now is the present moment. It is false for an entry of another boot.
//
// For the time of a file either clock decides in favour of the entry, because the time of day may
// have been set since.
func (e *Entry) NewerThan(a, now AsOf) bool {
	if !e.ByGoLibcni {
		return e.BootID == a.BootID && e.Created >= a.Now
	}
	return e.Age(now) <= now.Now-a.Now+fileTimeError ||
		!a.Wall.IsZero() && !e.Modified.Before(a.Wall.Add(-fileTimeError))
}
