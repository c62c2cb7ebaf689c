package attachments

import (
	"errors"
	"strings"
)

// maxIfName is the longest name of an interface.
const maxIfName = 15

// selection says which attachments a scan returns. An empty field selects all.
type selection struct{ containerID, ifName string }

func (w selection) includes(key Key) bool {
	return (w.containerID == "" || key.ContainerID == w.containerID) &&
		(w.ifName == "" || key.IfName == w.ifName)
}

// mayInclude reports whether a cache file with the name has to be read.
func (w selection) mayInclude(name string) bool {
	if w.containerID != "" && !strings.Contains(name, "-"+w.containerID+"-") {
		return false
	}
	return w.ifName == "" || strings.HasSuffix(name, "-"+w.ifName)
}

// mayIntend reports whether an intent with the name has to be read: intends does, and the names of
// version 0.1 do not tell.
func (w selection) mayIntend(name string) bool {
	return w.intends(name) || len(name) == 2*digestSize+1
}

// intends reports whether an intent has the name of one of the container's, or none is selected.
func (w selection) intends(name string) bool {
	return w.containerID == "" || strings.Contains(name, "-"+digest(w.containerID)+"-")
}

// readings returns the keys whose cache file has the name.
func (w selection) readings(name string) (keys []Key) {
	for j := max(len(name)-maxIfName-1, 3); j < len(name)-1; j++ {
		if name[j] != '-' {
			continue
		}
		for i := 1; i < j-1; i++ {
			if name[i] != '-' {
				continue
			}
			if k := (Key{name[:i], name[i+1 : j], name[j+1:]}); w.includes(k) {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// split returns the key in the name of a bare result's file: the file itself does not state it. The
// selection helps to parse the name. A name that still has several meanings is refused.
func (w selection) split(name string) (Key, error) {
	switch keys := w.readings(name); len(keys) {
	case 1:
		return keys[0], nil
	case 0:
		return Key{}, errors.New("a result whose file name is not that of an attachment")
	default:
		return Key{}, errors.New("a result that does not name its attachment, in a file with an " +
			"ambiguous name")
	}
}
