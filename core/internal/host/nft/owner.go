package nft

import (
	"crypto/sha512"
	"encoding/hex"
	"strings"
)

// Owner is the attachment that an object belongs to. The comments of its objects begin with
// "h16(network)-h16(ifName:containerID)", where h16 is the first 16 hex digits of the SHA-512,
// followed by text for people.
type Owner struct{ Network, ContainerID, IfName string }

const maxComment = 128 // what nft reads back

// Comment returns the owner as a comment.
func (o Owner) Comment() string {
	return Text(o.id() + ", net: " + o.Network + ", if: " + o.IfName + ", id: " + o.ContainerID)
}

// Owns reports whether a comment is the owner's.
func (o Owner) Owns(comment string) bool {
	rest, found := strings.CutPrefix(comment, o.id())
	return found && (rest == "" || rest[0] == ',')
}

// OwnsIn reports whether a comment is that of any owner in the network.
func OwnsIn(network, comment string) bool { return strings.HasPrefix(comment, Hash(network)+"-") }

// id returns what Owns compares.
func (o Owner) id() string { return Hash(o.Network) + "-" + Hash(o.IfName+":"+o.ContainerID) }

// Hash returns the first 16 hex digits of the text's SHA-512. Names of sets and chains contain it,
// because the name of a network may be too long for them.
func Hash(text string) string {
	sum := sha512.Sum512([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// Text makes a comment of any text: without quotes and unprintable bytes, and not longer than nft
// allows.
func Text(text string) string {
	var clean []byte
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
		case c < ' ' || c > '~':
			clean = append(clean, '?')
		default:
			clean = append(clean, c)
		}
	}
	return string(clean[:min(len(clean), maxComment)])
}

// ParseOwner returns the owner that a comment names, for messages only: long comments are cut off.
func ParseOwner(comment string) (Owner, bool) {
	_, rest, found := strings.Cut(comment, ", net: ")
	if !found {
		return Owner{}, false
	}
	var o Owner
	o.Network, rest, _ = strings.Cut(rest, ", if: ")
	o.IfName, o.ContainerID, _ = strings.Cut(rest, ", id: ")
	return o, true
}

// DescribeOwner names the owner of an object with that comment.
func DescribeOwner(comment string) string {
	o, found := ParseOwner(comment)
	switch {
	case comment == "":
		return "an unknown owner"
	case !found:
		return `"` + comment + `"`
	default:
		return "container " + o.ContainerID + ", interface " + o.IfName + ", network " + o.Network
	}
}

// Keep returns a function that reports whether GC keeps an object with a comment: one of the
// owners', or one that belongs to no owner in the network.
func Keep(network string, owners []Owner) func(comment string) bool {
	valid := make(map[string]bool, len(owners))
	for _, o := range owners {
		valid[o.id()] = true
	}
	return func(comment string) bool {
		id, _, _ := strings.Cut(comment, ",")
		return valid[id] || !OwnsIn(network, comment)
	}
}
