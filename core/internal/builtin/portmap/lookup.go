package portmap

import (
	"bytes"

	"libcni/core/internal/host/nft"
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

// suffix finds an element whose key ends so. It reads the whole set, once.
func (l lookup) suffix(s nft.Set, end []byte) (*nft.Element, error) {
	elements, err := l.elements(s)
	for i, e := range elements {
		if bytes.HasSuffix(e.Key, end) {
			return &elements[i], err
		}
	}
	return nil, err
}
