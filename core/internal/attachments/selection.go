package attachments

import (
	"errors"
	"strings"
)

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

// split returns the key in the name of a bare result's file: the file itself does not state it. The
// selection helps to parse the name. A name that still has several meanings is refused.
func (w selection) split(name string) (Key, error) {
	var key Key
	readings := 0
	for i := 1; i < len(name); i++ {
		if name[i] != '-' {
			continue
		}
		for j := i + 2; j < len(name)-1; j++ {
			if name[j] != '-' {
				continue
			}
			if k := (Key{name[:i], name[i+1 : j], name[j+1:]}); w.includes(k) {
				key = k
				readings++
			}
		}
	}

	switch readings {
	case 1:
		return key, nil
	case 0:
		return Key{}, errors.New("a result whose file name is not that of an attachment")
	default:
		return Key{}, errors.New("a result that does not name its attachment, in a file with an " +
			"ambiguous name")
	}
}
