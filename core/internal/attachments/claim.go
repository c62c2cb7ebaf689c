package attachments

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/host/lockfile"
)

// A claim is a symbolic link in <stateDir>/claims whose text says which cache records an
// attachment. It leads nowhere: a link is made and read in one step each, and never half written.
// Where the file system cannot make such a link, the claim is a file with the text and a newline.
//
// The objects on a host bear the names of their attachment, but not its cache: without claims an
// ADD or DEL with one cache would change the objects of an attachment of the same names in another.
//
// Two changes need no lock: a link is made only where nothing has its name, and a cache that exists
// removes its own claims, which no other cache takes. All others are made by lockClaims.

// Claim makes this cache the one of an attachment, before anything is made. made reports whether it
// was not before. If another cache has the attachment, Claim changes nothing and returns that
// cache's directory.
func (s *Store) Claim(ctx context.Context, key Key) (made bool, other string, err error) {
	if err := key.Validate(); err != nil {
		return false, "", err
	}

	const attempts = 100 // as often as other caches may give it up and claim it again
	for range attempts {
		err = s.makeClaim(ctx, key)
		if !errors.Is(err, fs.ErrExist) {
			return err == nil, "", orStateError(err, key, "write the claim", stateOption)
		}
		other, err = s.claimant(key)
		switch {
		case errors.Is(err, fs.ErrNotExist): // given up meanwhile: whoever makes it first has it
		case other != "" || err != nil:
			return false, other, err
		default: // it may be no claim, or name a cache that is gone
			if taken, err := s.takeClaim(ctx, key); taken || err != nil {
				return false, "", orStateError(err, key, "write the claim", stateOption)
			}
		}
	}
	return false, "", fault.New(fault.KindBusy, nil, "%s: calls with other caches claim it", key)
}

// makeClaim makes a claim. The error wraps fs.ErrExist if something has its name.
func (s *Store) makeClaim(ctx context.Context, key Key) error {
	path := s.claimPath(key)
	err := s.inDirectory(path, func() error { return file.MakeLink(path, s.claim(key)) })
	if !errors.Is(err, file.ErrNoLink) {
		return err
	}

	return s.lockClaims(ctx, func() error {
		err := s.replace(path, s.temporaryClaim(key), s.claimFile(key), file.RenameNew)
		if errors.Is(err, file.ErrUnsupported) {
			err = s.create(path, s.claimFile(key))
		}
		return err
	})
}

// takeClaim makes this cache the one of an attachment that no other cache has, and reports whether
// it did. It changes nothing if a cache has claimed the attachment since claimant was called, or if
// there is no claim any more.
func (s *Store) takeClaim(ctx context.Context, key Key) (taken bool, err error) {
	if s.hasClaim(key) {
		return true, nil
	}

	err = s.lockClaims(ctx, func() error {
		other, err := s.claimant(key)
		if errors.Is(err, fs.ErrNotExist) || err == nil && other != "" {
			return nil
		}
		if err == nil {
			err = s.writeOver(key)
			taken = err == nil
		}
		return err
	})
	return taken, err
}

// hasClaim reports whether this cache has claimed an attachment.
func (s *Store) hasClaim(key Key) bool {
	claimed, dir, err := readClaim(s.claimPath(key))
	return err == nil && claimed == key && dir == s.cacheDir
}

// writeOver makes a claim of this cache of what has its name.
func (s *Store) writeOver(key Key) error {
	path, temporary := s.claimPath(key), s.temporaryClaim(key)
	err := s.inDirectory(path, func() error { return file.RenewLink(temporary, s.claim(key)) })
	if errors.Is(err, file.ErrNoLink) {
		return s.replace(path, temporary, s.claimFile(key), rename)
	}
	if err == nil {
		err = rename(temporary, path)
	}
	if err != nil {
		_ = file.Remove(temporary)
	}
	return err
}

// claimsWait bounds how long a call waits for lockClaims of another one, which takes some
// microseconds unless its process is stopped.
const claimsWait = 2 * time.Second

// lockClaims calls change, which replaces or removes a claim that another cache may want, while no
// other call does so.
func (s *Store) lockClaims(ctx context.Context, change func() error) error {
	ctx, cancel := context.WithTimeout(ctx, claimsWait)
	defer cancel()
	lock, err := lockfile.Flock(ctx, s.stateDir+"/locks/claims", fileMode, lockfile.Exclusive)
	var noFile *lockfile.FileError
	if errors.As(err, &noFile) {
		return stateError(err, "lock the claims of caches", stateOption)
	}
	if err != nil {
		return lockError(err, "the claims of caches")
	}
	defer func() { _ = lock.Unlock() }() // closing the descriptor releases it in any case
	return change()
}

// ClaimedBy returns the directory of the other cache that has an attachment, "" if there is none.
func (s *Store) ClaimedBy(key Key) (string, error) {
	dir, err := s.claimant(key)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return dir, err
}

// claimant is ClaimedBy whose error wraps fs.ErrNotExist if there is no claim at all.
func (s *Store) claimant(key Key) (string, error) {
	claimed, dir, err := readClaim(s.claimPath(key))
	if isUnusable(err) || err == nil && (claimed != key || s.isOwnCache(dir)) {
		return "", nil
	}
	return dir, err
}

// OthersOf returns the attachments of a network, or of all with "", that other caches have, with
// the directories of these caches.
func (s *Store) OthersOf(network string) (map[Key]string, error) {
	found, err := names(s.claims, stateOption)
	if err != nil {
		return nil, err
	}
	others := map[Key]string{}
	for _, name := range found {
		if network != "" && !strings.HasPrefix(name, networkPrefix(network)) {
			continue
		}
		key, dir, err := readClaim(s.claims + "/" + name)
		switch {
		case errors.Is(err, fs.ErrNotExist), isUnusable(err): // removed meanwhile, or not a claim
		case err != nil:
			return nil, err
		case !s.isOwnCache(dir):
			others[key] = dir
		}
	}
	return others, nil
}

// Unclaim removes the claim of this cache, if it has the attachment, and anything else of its name.
func (s *Store) Unclaim(key Key) error {
	path := s.claimPath(key)
	_, dir, err := readClaim(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && dir == s.cacheDir:
		err = file.Remove(path)
	case err == nil && s.isOwnCache(dir), isUnusable(err):
		err = s.lockClaims(context.Background(), func() error { return s.removeVacant(path) })
	}
	return orStateError(err, key, "remove the claim", stateOption)
}

// removeVacant removes a claim that no other cache has, or what is not a claim.
func (s *Store) removeVacant(path string) error {
	_, dir, err := readClaim(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case isUnusable(err):
		_ = file.Discard(path) // a directory that is not empty stays
		return nil
	case err == nil && s.isOwnCache(dir):
		return file.Remove(path)
	}
	return err
}

// removeAbandoned removes the claims of a network, which is locked exclusively, that have no
// attachment, and what killed calls left half written. What cannot be removed does no harm.
func (s *Store) removeAbandoned(ctx context.Context, network string) {
	found, _ := names(s.claims, "")
	for _, name := range found {
		path := s.claims + "/" + name
		if ctx.Err() != nil {
			return
		}
		if !strings.HasPrefix(name, networkPrefix(network)) || !s.isTornClaim(path) {
			continue
		}
		_ = s.lockClaims(ctx, func() error { // another call may have written it meanwhile
			if s.isTornClaim(path) {
				return file.Discard(path)
			}
			return nil
		})
	}
}

// isTornClaim reports whether a file is a temporary one, which is in use only during lockClaims, or
// an abandoned claim.
func (s *Store) isTornClaim(path string) bool {
	return strings.HasSuffix(path, temporarySuffix) || s.isAbandoned(path)
}

// isAbandoned reports whether a claim of this cache has no attachment: the call that wrote it was
// killed before it wrote anything else. Anything but a claim has none either.
func (s *Store) isAbandoned(path string) bool {
	key, dir, err := readClaim(path)
	if err != nil || !s.isOwnCache(dir) {
		return isUnusable(err)
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

// temporaryClaim is in use only during lockClaims.
func (s *Store) temporaryClaim(key Key) string { return s.claimPath(key) + temporarySuffix }

// claim is the text of a claim of this store: names have no newline, directories may.
func (s *Store) claim(key Key) string {
	return key.Network + "\n" + key.ContainerID + "\n" + key.IfName + "\n" + s.cacheDir
}

// claimFile is the content of a claim that is a file. The last newline shows that it is whole.
func (s *Store) claimFile(key Key) []byte { return []byte(s.claim(key) + "\n") }

// readClaim returns the attachment and the cache of a claim. The error wraps fs.ErrNotExist, is an
// *unusableError if there is something else, or is of kind state.
func readClaim(path string) (key Key, dir string, err error) {
	text, err := file.ReadLink(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Key{}, "", err
	case errors.Is(err, file.ErrIrregular):
		if text, err = readClaimFile(path); err != nil {
			return Key{}, "", err
		}
	case err != nil:
		return Key{}, "", stateError(err, "read the state", stateOption)
	}

	parts := strings.SplitN(text, "\n", 4)
	if len(parts) != 4 || !filepath.IsAbs(parts[3]) {
		return Key{}, "", unusable(path, "not a claim")
	}
	return Key{parts[0], parts[1], parts[2]}, parts[3], nil
}

func readClaimFile(path string) (text string, err error) {
	content, err := loadText(path, stateOption)
	if err != nil {
		return "", err
	}
	text, whole := strings.CutSuffix(string(content), "\n")
	if !whole {
		return "", unusable(path, "not a whole claim")
	}
	return text, nil
}
