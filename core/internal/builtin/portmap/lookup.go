package portmap

import (
	"github.com/libcni/libcni/core/internal/host/nft"
)

// maxLookups is the maximum number of elements of a set that are looked up one by one. For more,
// the whole set is read.
const maxLookups = 100

// lookup finds elements, one by one or by reading whole sets.
type lookup struct {
	reader *nft.Reader
	whole  bool
	read   map[string][]nft.Element // sets that were read
	index  map[string]map[string]*nft.Element
	ends   map[string]map[string]*nft.Element // by the end of the key
}

// newLookup returns a lookup for a number of elements.
func newLookup(r *nft.Reader, count int) lookup {
	return lookup{
		reader: r,
		whole:  count > maxLookups,
		read:   map[string][]nft.Element{},
		index:  map[string]map[string]*nft.Element{},
		ends:   map[string]map[string]*nft.Element{},
	}
}

func (l lookup) elements(s *set) ([]nft.Element, error) {
	if known, found := l.read[s.Name]; found {
		return known, nil
	}
	elements, err := l.reader.Elements(s.Set)
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

func (l lookup) find(s *set, key []byte) (*nft.Element, error) {
	if !l.whole {
		return l.reader.Find(s.Set, key)
	}
	if _, err := l.elements(s); err != nil {
		return nil, err
	}
	return l.index[s.Name][string(key)], nil
}

// suffix finds an element whose key ends with the given bytes, always of the same number. It reads
// the whole set, once, if it has any elements.
func (l lookup) suffix(s *set, end []byte) (*nft.Element, error) {
	if count, err := l.reader.CountAtLeast(s.Set); count == 0 || err != nil {
		return nil, err
	}
	elements, err := l.elements(s)
	if err != nil {
		return nil, err
	}
	if l.ends[s.Name] == nil {
		l.ends[s.Name] = map[string]*nft.Element{}
		for i, e := range elements {
			l.ends[s.Name][string(e.Key[max(0, len(e.Key)-len(end)):])] = &elements[i]
		}
	}
	return l.ends[s.Name][string(end)], nil
}

// prefetch looks up elements that are going to be found one by one in one request.
func prefetch(r *nft.Reader, items []item) {
	for _, group := range grouped(items) {
		if len(group) > maxLookups {
			continue
		}
		for _, i := range group {
			r.Prefetch(i.set.Set, i.element.Key)
		}
	}
}

// prefetchRemoval is prefetch for a removal, which asks whether the sets that are removed with
// their last element have others.
func prefetchRemoval(r *nft.Reader, items []item) {
	for _, i := range items {
		if i.set.role == masquerades || i.set.role == localnets {
			r.PrefetchCount(i.set.Set)
		}
	}
	prefetch(r, items)
}
