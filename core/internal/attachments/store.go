package attachments

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
)

// The request's keys for the two directories, for error messages.
const (
	cacheOption = "cacheDir"
	stateOption = "stateDir"
)

// temporarySuffix marks files that are being written.
const temporarySuffix = ".tmp"

// Store is the state on disk. It is safe for concurrent use. What it keeps in memory only saves
// work. The caller holds the attachment's lock around WriteIntent, Commit and Remove, and around a
// Get that precedes one of them.
type Store struct {
	results string // Go's libcni's directory
	private string // ours beside it: temporary files, locks
	intents string
	claims  string // which cache has an attachment

	cacheDir, stateDir string

	memory  *Memory
	trusted atomic.Bool                // no other user can change the directories
	decoded atomic.Pointer[decoded]    // the last cache entry that was read
	unique  atomic.Pointer[uniqueName] // the last name that was computed
}

// Open is Memory.Open of an empty memory.
func Open(cacheDir, stateDir string) *Store { return new(Memory).Open(cacheDir, stateDir) }

// Open returns the store of two directories. It touches nothing; directories are made when
// something is written.
func (m *Memory) Open(cacheDir, stateDir string) *Store {
	return &Store{
		results: filepath.Join(cacheDir, "results"),
		private: filepath.Join(cacheDir, "libcni"),
		intents: filepath.Join(stateDir, "intents"),
		claims:  filepath.Join(stateDir, "claims"),

		cacheDir: filepath.Clean(cacheDir),
		stateDir: filepath.Clean(stateDir),
		memory:   m,
	}
}

// WithCache returns the store of another cache with the same state. It shares the memory: what is
// known of a directory does not depend on who asks, and one that changed is looked at again.
func (s *Store) WithCache(cacheDir string) *Store { return s.memory.Open(cacheDir, s.stateDir) }

// Get returns the attachment with the key: its intent if there is one, else its cache entry. The
// error wraps fs.ErrNotExist if there is neither, or neither is usable; Damage distinguishes them.
func (s *Store) Get(key Key) (*Entry, error) {
	e, _, err := s.find(key)
	return e, err
}

// snapshot is what find saw of an attachment's files.
type snapshot struct {
	vacant bool // there was no intent, and no file with the name of the cache entry
	// of the attachment's own cache entry, written by us, if there was no intent beside it
	text []byte
}

// find is Get that also returns what it saw.
func (s *Store) find(key Key) (*Entry, snapshot, error) {
	if err := key.Validate(); err != nil {
		return nil, snapshot{}, err
	}
	if err := s.trust(); err != nil {
		return nil, snapshot{}, err
	}
	e, intentErr := s.intent(key)
	if !isAbsent(intentErr) {
		return e, snapshot{}, intentErr
	}

	noIntent := errors.Is(intentErr, fs.ErrNotExist)
	e, text, err := s.cached(key)
	switch {
	case err == nil && e.Key == key && noIntent && !e.ByGoLibcni:
		return e, snapshot{text: text}, nil
	case err == nil && e.Key == key:
		return e, snapshot{}, nil
	case (err == nil || isAbsent(err)) && noIntent && s.adopt(key):
		return s.find(key)
	case err == nil || isAbsent(err):
		return nil, snapshot{vacant: noIntent && errors.Is(err, fs.ErrNotExist)},
			&absentError{key, damageOf(intentErr, err)}
	default:
		return nil, snapshot{}, err
	}
}

// absentError says that no attachment has the key, or that its file is unusable.
type absentError struct {
	key    Key
	damage error // nil if there is no file
}

func (e *absentError) Error() string { return e.key.String() + ": " + e.reason().Error() }
func (e *absentError) Unwrap() error { return fs.ErrNotExist }

func (e *absentError) reason() error {
	if e.damage != nil {
		return e.damage
	}
	return fs.ErrNotExist
}

// Damage returns what is wrong with the file of an attachment for which Get returned err; nil if
// there is no such file.
func Damage(err error) error {
	var e *absentError
	if errors.As(err, &e) {
		return e.damage
	}
	return nil
}

// damageOf returns the error that says that a file is damaged. A torn intent is not: nothing was
// made yet. The cache entry is never written in place.
func damageOf(intent, entry error) error {
	switch {
	case isUnusable(intent) && !isTorn(intent):
		return intent
	case isUnusable(entry):
		return entry
	default:
		return nil
	}
}

// isAbsent reports whether an error of load means that there is no entry.
func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) || isUnusable(err) }

func (s *Store) intent(key Key) (*Entry, error) {
	path := s.intentPath(key)
	e, err := load(path, stateOption)
	if err != nil {
		return nil, err
	}
	if e.Key != key {
		return nil, unusable(path, "it has the name of another attachment's intent")
	}
	e.Incomplete = true
	return e, nil
}

// cached returns the entry in the cache file of key, which may be another attachment's, and its
// text. A bare result counts as that of key. An entry that states a key of another file is
// unusable: it is damaged, or a copy.
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
	if s.cachePath(e.Key) != path {
		return nil, nil, unusable(path, "its name is not the one of %s", e.Key)
	}
	if err := date(&e, path); err != nil {
		return nil, nil, err
	}
	return &e, text, nil
}

// decoded is the text of an entry and the entry.
type decoded struct {
	text  []byte
	entry Entry
}

// WriteIntent records an attachment before anything of it is made or changed.
func (s *Store) WriteIntent(e *Entry) error {
	return s.writeIntent(e, func(data []byte) error {
		if err := s.refuseCollision(e.Key); err != nil {
			return err
		}
		return s.replace(s.intentPath(e.Key), s.temporaryIntent(e.Key), data, rename)
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

// Commit records an attachment as complete: it writes the cache entry, then removes the intent.
func (s *Store) Commit(e *Entry) error {
	if err := e.Key.Validate(); err != nil {
		return err
	}

	data, err := encode(e)
	if err != nil {
		return fault.New(fault.KindState, err, "%s: write the cache entry", e.Key)
	}

	err = s.replace(s.cachePath(e.Key), s.temporaryEntry(e.Key), data, func(from, to string) error {
		err := file.RenameNew(from, to)
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, file.ErrUnsupported) {
			return err
		}
		if err := s.refuseCollision(e.Key); err != nil {
			return err
		}
		return rename(from, to)
	})
	if err != nil {
		return orStateError(err, e.Key, "write the cache entry", cacheOption)
	}
	return orStateError(file.Discard(s.intentPath(e.Key)), e.Key, "remove the intent", stateOption)
}

// orStateError makes an error one of kind state, unless it has a kind.
func orStateError(err error, key Key, doing, option string) error {
	var e *fault.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return stateError(err, key.String()+": "+doing, option)
}

// refuseCollision refuses to replace the cache file of another attachment.
func (s *Store) refuseCollision(key Key) error {
	if err := key.Validate(); err != nil {
		return err
	}
	holder, err := s.otherHolder(key)
	if err != nil || holder == nil {
		return err
	}
	return fault.InvalidRequest("containerId", "%s would have the same cache file as %s; change "+
		"one of the names", key, *holder).Contend()
}

// otherHolder returns the key of the other attachment that has the cache file of key, nil if none
// has.
func (s *Store) otherHolder(key Key) (*Key, error) {
	claimed, err := loadKey(s.cachePath(key))
	if isAbsent(err) || err == nil && claimed == key {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}

	held, _, err := s.cached(key) // the file states a key, but may not be an entry
	if isAbsent(err) || err == nil && held.Key == key {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &held.Key, nil
}

// Remove removes an attachment: its cache entry, even if unusable, its intent, and what a killed
// call left half written. It succeeds if there is nothing. It leaves the file of another attachment
// alone.
func (s *Store) Remove(key Key) error {
	if err := key.Validate(); err != nil {
		return err
	}
	holder, err := s.otherHolder(key)
	if err != nil {
		return err
	}
	return s.remove(key, holder == nil)
}

// remove removes the claim and the intent of an attachment, and its cache entry if that is to go.
//
// The claim goes first, while the attachment is known, so that a retry finds it. The intent goes
// last, so that an attachment whose removal was cut short is known to be incomplete.
func (s *Store) remove(key Key, withEntry bool) error {
	if err := s.Unclaim(key); err != nil {
		return err
	}
	if withEntry {
		err := errors.Join(file.Discard(s.cachePath(key)), file.Discard(s.temporaryEntry(key)))
		if err != nil {
			return stateError(err, key.String()+": remove the cache entry", cacheOption)
		}
	}
	err := errors.Join(file.Discard(s.temporaryIntent(key)), file.Discard(s.intentPath(key)))
	return orStateError(err, key, "remove the intent", stateOption)
}

func (s *Store) cachePath(key Key) string {
	return s.results + "/" + key.Network + "-" + key.ContainerID + "-" + key.IfName
}

func (s *Store) intentPath(key Key) string { return s.intents + "/" + s.uniqueName(key) }

// formerIntentPath is the intent of version 0.1, whose name did not contain the container.
func (s *Store) formerIntentPath(key Key) string {
	name := s.uniqueName(key)
	return s.intents + "/" + name[:digestSize+1] + name[2*(digestSize+1):]
}

// adopt gives an intent of version 0.1 its present name, and reports whether there was one.
func (s *Store) adopt(key Key) bool {
	return file.RenameNew(s.formerIntentPath(key), s.intentPath(key)) == nil
}

func (s *Store) temporaryIntent(key Key) string { return s.intentPath(key) + temporarySuffix }

func (s *Store) temporaryEntry(key Key) string {
	return s.private + "/" + s.uniqueName(key) + temporarySuffix
}

// uniqueName is a file name that no other attachment has.
type uniqueName struct {
	Key
	name string
}

// uniqueName returns the file name of an attachment, which begins with networkPrefix. It contains
// the container, so that an unusable file can be attributed.
func (s *Store) uniqueName(key Key) string {
	last := s.unique.Load()
	if last == nil || last.Key != key {
		last = &uniqueName{key, networkPrefix(key.Network) + digest(key.ContainerID) + "-" +
			digest(key.Network, key.ContainerID, key.IfName)}
		s.unique.Store(last)
	}
	return last.name
}

func networkPrefix(network string) string { return digest(network) + "-" }

// digestSize is the length of a digest.
const digestSize = 32

// digest returns 128 bits of a hash of strings without NUL.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:digestSize/2])
}
