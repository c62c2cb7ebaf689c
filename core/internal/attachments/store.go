package attachments

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rename"
)

// The request's keys for the two directories, for error messages.
const (
	cacheOption = "cacheDir"
	stateOption = "stateDir"
)

// temporarySuffix marks files that are being written.
const temporarySuffix = ".tmp"

// Store is the state on disk. It is safe for concurrent use; what it has in memory only spares it to work something out
// twice. The attachment's lock is held around WriteIntent, Commit and Remove, and around a Get that one of them follows.
type Store struct {
	results string // Go's libcni's directory
	private string // ours beside it: temporary files, locks
	intents string

	decoded atomic.Pointer[decoded] // the cache entry read last
	own     atomic.Pointer[ownName] // the name asked for last
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
	e, _, err := s.find(key)
	return e, err
}

// sight is what there was of an attachment.
type sight struct {
	vacant bool   // neither an intent nor anything in the place of the cache entry
	entry  []byte // the cache entry of this very attachment, written by us, without an intent beside it
}

// find is Get, and tells what there was.
func (s *Store) find(key Key) (*Entry, sight, error) {
	if err := key.Validate(); err != nil {
		return nil, sight{}, err
	}
	e, err := s.intent(key)
	if !isNone(err) {
		return e, sight{}, err
	}
	alone := errors.Is(err, fs.ErrNotExist)
	e, text, err := s.cached(key)
	switch {
	case err == nil && e.Key == key && alone && !e.Foreign:
		return e, sight{entry: text}, nil
	case err == nil && e.Key == key:
		return e, sight{}, nil
	case err == nil || isNone(err):
		return nil, sight{vacant: alone && errors.Is(err, fs.ErrNotExist)}, &noneError{key}
	default:
		return nil, sight{}, err
	}
}

// noneError says that there is no attachment of a name.
type noneError struct{ key Key }

func (e *noneError) Error() string { return e.key.String() + ": " + fs.ErrNotExist.Error() }
func (e *noneError) Unwrap() error { return fs.ErrNotExist }

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

// cached returns what is in the cache file of key, which may be another attachment's, and its text. A bare result is
// taken for that of key.
func (s *Store) cached(key Key) (*Entry, []byte, error) {
	path := s.cachePath(key)
	text, err := loadText(path, cacheOption)
	if err != nil {
		return nil, nil, err
	}
	known := s.decoded.Load()
	if known == nil || !bytes.Equal(known.text, text) {
		e, err := decode(text)
		if err != nil {
			return nil, nil, unusable(path, "%v", err)
		}
		known = &decoded{text, *e}
		s.decoded.Store(known)
	}
	e := known.entry
	if e.Key == (Key{}) {
		e.Key = key
	}
	return &e, text, nil
}

// decoded is a text, and the entry it is.
type decoded struct {
	text  []byte
	entry Entry
}

// WriteIntent notes an attachment that is about to be made or changed, before anything is.
func (s *Store) WriteIntent(e *Entry) error {
	return s.writeIntent(e, func(data []byte) error {
		if err := s.refuseCollision(e.Key); err != nil {
			return err
		}
		return replace(s.intentPath(e.Key), s.temporaryIntent(e.Key), data, over)
	})
}

func (s *Store) writeIntent(e *Entry, write func(data []byte) error) error {
	if err := e.Key.Validate(); err != nil {
		return err
	}
	data, err := encode(e)
	if err != nil {
		return fault.New(fault.KindState, err, "%s: write the intent", e.Key)
	}
	return orStateError(write(data), e.Key, "write the intent", stateOption)
}

// Commit notes an attachment that is complete: its cache entry is written, then the intent goes.
func (s *Store) Commit(e *Entry) error {
	if err := e.Key.Validate(); err != nil {
		return err
	}
	data, err := encode(e)
	if err != nil {
		return fault.New(fault.KindState, err, "%s: write the cache entry", e.Key)
	}
	err = replace(s.cachePath(e.Key), s.temporaryEntry(e.Key), data, func(from, to string) error {
		err := rename.New(from, to)
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, rename.ErrUnsupported) {
			return err
		}
		if err := s.refuseCollision(e.Key); err != nil {
			return err
		}
		return over(from, to)
	})
	if err != nil {
		return orStateError(err, e.Key, "write the cache entry", cacheOption)
	}
	return orStateError(remove(s.intentPath(e.Key)), e.Key, "remove the intent", stateOption)
}

// orStateError leaves an error alone that says already what it is.
func orStateError(err error, key Key, doing, option string) error {
	var e *fault.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return stateError(err, key.String()+": "+doing, option)
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
	there, _, err := s.cached(key) // is it an entry at all?
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
	return s.results + "/" + key.Network + "-" + key.ContainerID + "-" + key.IfName
}

func (s *Store) intentPath(key Key) string { return s.intents + "/" + s.ownName(key) }

func (s *Store) temporaryIntent(key Key) string { return s.intentPath(key) + temporarySuffix }

func (s *Store) temporaryEntry(key Key) string {
	return s.private + "/" + s.ownName(key) + temporarySuffix
}

// ownName is a file name that no other attachment has.
type ownName struct {
	Key
	name string
}

// ownName returns the file name of an attachment, which begins with networkPrefix.
func (s *Store) ownName(key Key) string {
	own := s.own.Load()
	if own == nil || own.Key != key {
		own = &ownName{key, networkPrefix(key.Network) + digest(key.Network, key.ContainerID, key.IfName)}
		s.own.Store(own)
	}
	return own.name
}

func networkPrefix(network string) string { return digest(network) + "-" }

// digest is 128 bits of a hash of strings that hold no NUL.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
