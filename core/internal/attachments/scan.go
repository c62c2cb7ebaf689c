package attachments

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
)

// Unusable is a file of the state that does not record an attachment: it is damaged, or cannot be
// read.
type Unusable struct {
	File string
	Err  error
	// the attachments that the file may have recorded, according to its name; none if the name does
	// not tell
	Keys []Key
}

// MayConcern reports whether the file may have recorded an attachment to a network.
func (u Unusable) MayConcern(network string) bool {
	return strings.HasPrefix(filepath.Base(u.File), networkPrefix(network)) ||
		slices.ContainsFunc(u.Keys, func(key Key) bool { return key.Network == network })
}

// Discard removes a file that is still unusable.
func (s *Store) Discard(u Unusable) error {
	var err error
	if filepath.Dir(u.File) == s.intents {
		_, err = s.listedIntent(filepath.Base(u.File))
	} else {
		_, err = s.listedEntry(filepath.Base(u.File), selection{})
	}
	if err == nil {
		return fault.New(fault.KindBusy, nil, "%s: another call has written it", u.File)
	}
	if err := file.Discard(u.File); err != nil {
		return stateError(err, "remove an unusable file", stateOption)
	}
	return nil
}

// List returns all attachments in the order of their keys, and the files that are not usable. It
// fails if a directory cannot be listed.
func (s *Store) List() ([]*Entry, []Unusable, error) {
	return s.scan(selection{})
}

// ByContainer returns the attachments of a container, and the unusable files that may have recorded
// one of them; if ifName is not empty, only those of that interface.
func (s *Store) ByContainer(containerID, ifName string) ([]*Entry, []Unusable, error) {
	return s.scan(selection{containerID: containerID, ifName: ifName})
}

// collected is what a scan has found.
type collected struct {
	want     selection
	seen     map[Key]bool
	entries  []*Entry
	unusable []Unusable
}

func (c *collected) add(e *Entry) {
	if c.want.includes(e.Key) && !c.seen[e.Key] {
		c.seen[e.Key] = true
		c.entries = append(c.entries, e)
	}
}

// scan reads the intents first: an intent is newer than the cache entry of the same key.
func (s *Store) scan(want selection) ([]*Entry, []Unusable, error) {
	if err := s.trust(); err != nil {
		return nil, nil, err
	}
	c := &collected{want: want, seen: map[Key]bool{}}
	if err := s.scanIntents(c); err != nil {
		return nil, nil, err
	}
	if err := s.scanResults(c); err != nil {
		return nil, nil, err
	}

	slices.SortFunc(c.entries, func(a, b *Entry) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.ContainerID, b.ContainerID),
			cmp.Compare(a.IfName, b.IfName))
	})
	slices.SortFunc(c.unusable, func(a, b Unusable) int { return cmp.Compare(a.File, b.File) })
	return c.entries, c.unusable, nil
}

func (s *Store) scanIntents(c *collected) error {
	found, err := names(s.intents, stateOption)
	if err != nil {
		return err
	}

	for _, name := range found {
		if strings.HasSuffix(name, temporarySuffix) || !c.want.mayIntend(name) {
			continue
		}
		e, err := s.listedIntent(name)
		switch {
		case err == nil:
			c.add(e)
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case c.want == (selection{}), c.want.intends(name) && !isTorn(err):
			c.unusable = append(c.unusable, Unusable{File: s.intents + "/" + name, Err: err})
		}
	}
	return nil
}

func (s *Store) scanResults(c *collected) error {
	found, err := names(s.results, cacheOption)
	if err != nil {
		return err
	}

	for _, name := range found {
		if !c.want.mayInclude(name) {
			continue
		}
		e, err := s.listedEntry(name, c.want)
		switch {
		case err == nil:
			c.add(e)
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		default:
			if keys := c.want.readings(name); len(keys) > 0 || c.want == (selection{}) {
				c.unusable = append(c.unusable, Unusable{File: s.results + "/" + name, Err: err,
					Keys: keys})
			}
		}
	}
	return nil
}

func (s *Store) listedIntent(name string) (*Entry, error) {
	path := s.intents + "/" + name
	e, err := load(path, stateOption)
	if err != nil {
		return nil, err
	}
	if path != s.intentPath(e.Key) && path != s.formerIntentPath(e.Key) {
		return nil, unusable(path, "its name is not the one of %s", e.Key)
	}
	e.Incomplete = true
	return e, nil
}

// listedEntry refuses copies and renamed files: an entry that does not have its key's file name
// could not be removed.
func (s *Store) listedEntry(name string, want selection) (*Entry, error) {
	path := filepath.Join(s.results, name)
	e, err := load(path, cacheOption)
	if err != nil {
		return nil, err
	}

	if e.Key == (Key{}) {
		if e.Key, err = want.split(name); err != nil {
			return nil, unusable(path, "%v", err)
		}
	}

	if path != s.cachePath(e.Key) {
		return nil, unusable(path, "its name is not the one of %s", e.Key)
	}
	return e, nil
}
