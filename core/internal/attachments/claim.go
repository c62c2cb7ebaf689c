package attachments

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/libcni/libcni/core/internal/host/file"
)

// A claim is a file in <stateDir>/claims that says which cache records an attachment. The objects
// on a host bear the names of their attachment, but not its cache: without claims an ADD or DEL
// with one cache would change the objects of an attachment of the same names in another.

// Claim makes this cache the one of an attachment, before anything is made. made reports whether it
// was not before. If another cache has the attachment, Claim changes nothing and returns that
// cache's directory.
func (s *Store) Claim(key Key) (made bool, other string, err error) {
	if err := key.Validate(); err != nil {
		return false, "", err
	}

	err = s.create(s.claimPath(key), s.claim(key))
	if !errors.Is(err, fs.ErrExist) {
		return err == nil, "", orStateError(err, key, "write the claim", stateOption)
	}
	if other, err = s.ClaimedBy(key); other != "" || err != nil {
		return false, other, err
	}
	return false, "", s.TakeClaim(key) // it may have been cut short, or name a cache that is gone
}

// TakeClaim makes this cache the one of an attachment, whichever had it before.
func (s *Store) TakeClaim(key Key) error {
	if file.Has(s.claimPath(key), s.claim(key)) {
		return nil
	}
	err := s.replace(s.claimPath(key), s.claimPath(key)+temporarySuffix, s.claim(key), rename)
	return orStateError(err, key, "write the claim", stateOption)
}

// ClaimedBy returns the directory of the other cache that has an attachment, "" if there is none.
func (s *Store) ClaimedBy(key Key) (string, error) {
	path := s.claimPath(key)
	data, err := loadText(path, stateOption)
	if isAbsent(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}

	claimed, dir, ok := parseClaim(data)
	if !ok || claimed != key || s.isOwnCache(dir) {
		return "", nil
	}
	return dir, nil
}

// OthersOf returns the attachments of a network, or of all with "", that other caches have, with
// the directories of these caches.
func (s *Store) OthersOf(network string) (map[Key]string, error) {
	found, err := names(s.claims, stateOption)
	others := map[Key]string{}
	for _, name := range found {
		if network != "" && !strings.HasPrefix(name, networkPrefix(network)) {
			continue
		}
		data, err := loadText(filepath.Join(s.claims, name), stateOption)
		if err != nil {
			continue // removed meanwhile
		}
		if key, dir, ok := parseClaim(data); ok && !s.isOwnCache(dir) {
			others[key] = dir
		}
	}
	return others, err
}

// Unclaim removes the claim of this cache, if it has the attachment, and one that was cut short.
func (s *Store) Unclaim(key Key) error {
	path := s.claimPath(key)
	claim, err := loadText(path, stateOption)
	_, dir, whole := parseClaim(claim)
	if isAbsent(err) || err == nil && whole && !s.isOwnCache(dir) {
		return nil
	}
	if err == nil {
		err = file.Remove(path)
	}
	return orStateError(err, key, "remove the claim", stateOption)
}

// isAbandoned reports whether a claim of this cache has no attachment: the call that wrote it was
// killed before it wrote anything else.
func (s *Store) isAbandoned(path string) bool {
	data, err := file.ReadOwn(path, maxFileSize)
	if err != nil {
		return false
	}
	key, dir, ok := parseClaim(data)
	if !ok || !s.isOwnCache(dir) {
		return !ok
	}
	_, intent := file.Stat(s.intentPath(key))
	_, entry := file.Stat(s.cachePath(key))
	return errors.Is(intent, fs.ErrNotExist) && errors.Is(entry, fs.ErrNotExist)
}

// isOwnCache reports whether a directory is this store's cache, or no cache.
func (s *Store) isOwnCache(dir string) bool {
	if dir == s.cacheDir {
		return true
	}
	there, err := file.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	own, ownErr := file.Stat(s.cacheDir)
	return err == nil && ownErr == nil && there.Device == own.Device && there.Inode == own.Inode
}

func (s *Store) claimPath(key Key) string { return s.claims + "/" + s.uniqueName(key) }

// claim is the content of a claim of this store: names have no newline, directories may. The last
// one shows that it is whole.
func (s *Store) claim(key Key) []byte {
	return []byte(key.Network + "\n" + key.ContainerID + "\n" + key.IfName + "\n" + s.cacheDir + "\n")
}

func parseClaim(data []byte) (key Key, dir string, ok bool) {
	text, whole := strings.CutSuffix(string(data), "\n")
	parts := strings.SplitN(text, "\n", 4)
	if len(parts) != 4 || !whole {
		return Key{}, "", false
	}
	return Key{parts[0], parts[1], parts[2]}, parts[3], filepath.IsAbs(parts[3])
}
