package attachments

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"libcni/core/internal/fault"
)

// The request's keys for the two directories, for error messages.
const (
	cacheOption = "cacheDir"
	stateOption = "stateDir"
)

// temporarySuffix marks files that are being written.
const temporarySuffix = ".tmp"

// Store is the state on disk. It holds nothing in memory, so it is safe for concurrent use; the attachment's lock is
// held around WriteIntent, Commit and Remove, and around a Get that one of them follows.
type Store struct {
	results string // Go's libcni's directory
	private string // ours beside it: temporary files, locks
	intents string
}

// Open returns the store of two directories. It touches nothing; directories are made when something is written.
func Open(cacheDir, stateDir string) *Store {
	return &Store{
		results: filepath.Join(cacheDir, "results"),
		private: filepath.Join(cacheDir, "libcni"),
		intents: filepath.Join(stateDir, "intents"),
	}
}

// AsOf returns the token for a moment of a boot.
func (s *Store) AsOf(bootID string, now time.Duration) string {
	return AsOf{BootID: bootID, Now: now}.String()
}

// Get returns the attachment named key: its intent if there is one, else its cache entry. fs.ErrNotExist means there
// is none, or nothing that makes sense.
func (s *Store) Get(key Key) (*Entry, error) {
	if err := key.Validate(); err != nil {
		return nil, err
	}
	e, err := s.intent(key)
	if isNone(err) {
		e, err = s.cached(key)
	}
	if isNone(err) || err == nil && e.Key != key {
		return nil, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// isNone reports whether an error of load means that there is no entry.
func isNone(err error) bool { return errors.Is(err, fs.ErrNotExist) || isUnusable(err) }

func (s *Store) intent(key Key) (*Entry, error) {
	path := s.intentPath(key)
	e, err := load(path, stateOption)
	if err != nil {
		return nil, err
	}
	if e.Key != key {
		return nil, unusable(path, "it is named like the intent of another attachment")
	}
	e.Incomplete = true
	return e, nil
}

// cached returns what is in the cache file of key, which may be another attachment's. A bare result is taken for that
// of key.
func (s *Store) cached(key Key) (*Entry, error) {
	e, err := load(s.cachePath(key), cacheOption)
	if err == nil && e.Key == (Key{}) {
		e.Key = key
	}
	return e, err
}

// WriteIntent notes an attachment that is about to be made or changed, before anything is.
func (s *Store) WriteIntent(e *Entry) error {
	if err := s.refuseCollision(e.Key); err != nil {
		return err
	}
	data, err := encode(e)
	if err != nil {
		return fault.New(fault.State, err, "%s: write the intent", e.Key)
	}
	if err := replace(s.intentPath(e.Key), s.temporaryIntent(e.Key), data); err != nil {
		return stateError(err, e.Key.String()+": write the intent", stateOption)
	}
	return nil
}

// Commit notes an attachment that is complete: its cache entry is written, then the intent goes.
func (s *Store) Commit(e *Entry) error {
	if err := s.refuseCollision(e.Key); err != nil {
		return err
	}
	data, err := encode(e)
	if err != nil {
		return fault.New(fault.State, err, "%s: write the cache entry", e.Key)
	}
	if err := replace(s.cachePath(e.Key), s.temporaryEntry(e.Key), data); err != nil {
		return stateError(err, e.Key.String()+": write the cache entry", cacheOption)
	}
	if err := remove(s.intentPath(e.Key)); err != nil {
		return stateError(err, e.Key.String()+": remove the intent", stateOption)
	}
	return nil
}

// refuseCollision keeps one attachment's file from replacing another's.
func (s *Store) refuseCollision(key Key) error {
	if err := key.Validate(); err != nil {
		return err
	}
	another, err := s.another(key)
	if err != nil || another == nil {
		return err
	}
	return fault.InvalidRequest("containerId", "%s would have the same cache file as %s; one of the names has to differ", key, *another)
}

// another returns whose the cache file of key is, nil if it is key's own or nobody's.
func (s *Store) another(key Key) (*Key, error) {
	claims, err := loadKey(s.cachePath(key))
	if isNone(err) || err == nil && claims == key {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	there, err := s.cached(key) // is it an entry at all?
	if isNone(err) || err == nil && there.Key == key {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &there.Key, nil
}

// Remove forgets an attachment: its cache entry, be it unusable, its intent, and what a call that was killed left half
// written. It succeeds when there is nothing. Another attachment's file is left alone.
func (s *Store) Remove(key Key) error {
	if err := key.Validate(); err != nil {
		return err
	}
	another, err := s.another(key)
	if err != nil {
		return err
	}
	if another == nil {
		err = errors.Join(remove(s.cachePath(key)), remove(s.temporaryEntry(key)))
	}
	if err != nil {
		return stateError(err, key.String()+": remove the cache entry", cacheOption)
	}
	// Last, so that an attachment whose removal was cut short is known to be incomplete.
	if err := errors.Join(remove(s.temporaryIntent(key)), remove(s.intentPath(key))); err != nil {
		return stateError(err, key.String()+": remove the intent", stateOption)
	}
	return nil
}

// List returns all attachments in the order of their keys, and an error for each file that is none or cannot be read.
func (s *Store) List() ([]*Entry, []error) {
	return s.scan(selection{})
}

// ByContainer returns the attachments of a container, of one interface name if ifName is not empty. Files that are no
// attachment are passed over.
func (s *Store) ByContainer(containerID, ifName string) ([]*Entry, error) {
	entries, errs := s.scan(selection{containerID: containerID, ifName: ifName})
	errs = slices.DeleteFunc(errs, isUnusable)
	return entries, errors.Join(errs...)
}

// scan reads the intents first: where there is one, the cache entry of the same key is not the truth.
func (s *Store) scan(want selection) (entries []*Entry, errs []error) {
	seen := map[Key]bool{}
	collect := func(e *Entry, err error) {
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			errs = append(errs, err)
		case want.has(e.Key) && !seen[e.Key]:
			seen[e.Key] = true
			entries = append(entries, e)
		}
	}
	found, err := names(s.intents, stateOption)
	if err != nil {
		errs = append(errs, err)
	}
	for _, name := range found {
		if !strings.HasSuffix(name, temporarySuffix) {
			collect(s.listedIntent(name))
		}
	}
	if found, err = names(s.results, cacheOption); err != nil {
		errs = append(errs, err)
	}
	for _, name := range found {
		if want.mayBe(name) {
			collect(s.listedEntry(name, want))
		}
	}
	slices.SortFunc(entries, func(a, b *Entry) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.ContainerID, b.ContainerID), cmp.Compare(a.IfName, b.IfName))
	})
	return entries, errs
}

func (s *Store) listedIntent(name string) (*Entry, error) {
	path := filepath.Join(s.intents, name)
	e, err := load(path, stateOption)
	if err != nil {
		return nil, err
	}
	if path != s.intentPath(e.Key) {
		return nil, unusable(path, "its name is not that of %s", e.Key)
	}
	e.Incomplete = true
	return e, nil
}

// listedEntry refuses copies and renamed files: an entry that is not where its key leads could not be removed.
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
		return nil, unusable(path, "its name is not that of %s", e.Key)
	}
	return e, nil
}

func (s *Store) cachePath(key Key) string {
	return filepath.Join(s.results, key.Network+"-"+key.ContainerID+"-"+key.IfName)
}

func (s *Store) intentPath(key Key) string { return filepath.Join(s.intents, ownName(key)) }

func (s *Store) temporaryIntent(key Key) string { return s.intentPath(key) + temporarySuffix }

func (s *Store) temporaryEntry(key Key) string {
	return filepath.Join(s.private, ownName(key)+temporarySuffix)
}

// ownName returns a file name that no other attachment has, and that begins with networkPrefix.
func ownName(key Key) string {
	return networkPrefix(key.Network) + digest(key.Network, key.ContainerID, key.IfName)
}

func networkPrefix(network string) string { return digest(network) + "-" }

// digest is 128 bits of a hash of strings that hold no NUL.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
