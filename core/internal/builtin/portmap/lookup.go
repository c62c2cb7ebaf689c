package portmap

import (
	"bytes"

	"github.com/libcni/libcni/core/internal/host/nft"
)

// lookup finds elements: few one by one, many by reading the set as a whole.
type lookup struct {
	reader *nft.Reader
	whole  bool
	read   map[string][]nft.Element // sets that were read
	index  map[string]map[string]*nft.Element
}

func finder(r *nft.Reader, count int) lookup {
	return lookup{reader: r, whole: count > many, read: map[string][]nft.Element{}, index: map[string]map[string]*nft.Element{}}
}

func (l lookup) elements(s nft.Set) ([]nft.Element, error) {
	if known, found := l.read[s.Name]; found {
		return known, nil
	}
	elements, err := l.reader.Elements(s)
	if err != nil {
		return nil, err
	}
	l.read[s.Name] = elements
	l.index[s.Name] = map[string]*nft.Element{}
	for i := range elements {
		l.index[s.Name][string(elements[i].Key)] = &elements[i]
	}
	return elements, nil
}

func (l lookup) find(s nft.Set, key []byte) (*nft.Element, error) {
	if !l.whole {
		return l.reader.Find(s, key)
	}
	if _, err := l.elements(s); err != nil {
		return nil, err
	}
	return l.index[s.Name][string(key)], nil
}

// suffix finds an element whose key ends so. It reads the whole set, once, if there is anything in it.
func (l lookup) suffix(s nft.Set, end []byte) (*nft.Element, error) {
	if count, err := l.reader.CountAtLeast(s); count == 0 || err != nil {
		return nil, err
	}
	elements, err := l.elements(s)
	for i, e := range elements {
		if bytes.HasSuffix(e.Key, end) {
			return &elements[i], err
		}
	}
	return nil, err
}

// expectKeys has the elements that are about to be looked for one by one asked for at once.
func expectKeys(r *nft.Reader, items []item) {
	for _, group := range grouped(items) {
		if len(group) > many {
			continue
		}
		for _, i := range group {
			r.Prefetch(i.set, i.element.Key)
		}
	}
}

// expectRemoval does so, and for whether others are in the sets that go with their last element.
func expectRemoval(r *nft.Reader, items []item) {
	for _, i := range items {
		if len(i.set.Key) == 1 {
			r.PrefetchCount(i.set)
		}
	}
	expectKeys(r, items)
}

// expectClaims does so for what a port may be taken by.
func expectClaims(r *nft.Reader, ports []port) {
	if len(ports) > many {
		return
	}
	for _, p := range ports {
		wide := port{family: p.family, proto: p.proto, number: p.number}.claim()
		r.Prefetch(wide.set, wide.element.Key)
		if own := p.claim(); p.hostIP.IsValid() {
			r.Prefetch(own.set, own.element.Key)
		} else {
			r.PrefetchCount(hostClaims(p.family))
		}
	}
}
