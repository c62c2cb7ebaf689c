package attachments

import (
	"errors"
	"strings"
)

// selection says which attachments a scan is for; an empty field selects all.
type selection struct{ containerID, ifName string }

func (w selection) has(key Key) bool {
	return (w.containerID == "" || key.ContainerID == w.containerID) && (w.ifName == "" || key.IfName == w.ifName)
}

// mayBe tells by a cache file's name whether the file has to be read at all.
func (w selection) mayBe(name string) bool {
	if w.containerID != "" && !strings.Contains(name, "-"+w.containerID+"-") {
		return false
	}
	return w.ifName == "" || strings.HasSuffix(name, "-"+w.ifName)
}

// split takes the name of a bare result's file apart, which says nothing itself of whose it is. What is selected
// helps; where the name can still be read in two ways, it is refused.
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
			if k := (Key{name[:i], name[i+1 : j], name[j+1:]}); w.has(k) {
				key = k
				readings++
			}
		}
	}
	switch readings {
	case 1:
		return key, nil
	case 0:
		return Key{}, errors.New("a result under a name that is none of an attachment")
	default:
		return Key{}, errors.New("a result that does not say whose it is, under a name that can be read in several ways")
	}
}
