package attachments

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
)

// Memory is what the stores of a process know of the directories that they have used, so that a
// call does not look at all of them again. Its zero value is empty. Safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	trusted map[string]file.Info // of a directory, when nobody else could change it or what is in it
}

// maxTrusted bounds the memory of a process that uses ever new directories.
const maxTrusted = 64

func (m *Memory) trusts(dir string, now file.Info) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	then, known := m.trusted[dir]
	return known && now.IsUnchanged(then)
}

func (m *Memory) trust(dir string, now file.Info) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.trusted == nil || len(m.trusted) >= maxTrusted {
		m.trusted = map[string]file.Info{}
	}
	m.trusted[dir] = now
}

// trust refuses state that another user can change: an entry says what a DEL removes and which
// programs it runs. Missing directories are looked at again when they have been made.
//
// The directories below cacheDir and stateDir are looked at once, and again after a change of the
// one above: only whoever may change that one can replace them. What their owner opens to others
// later does not make a file of theirs an entry: read looks at the owner and mode of each. A claim
// that is a link has no mode. It is not an entry: what it names is a directory that is looked at
// like any cache before an entry in it counts, so that a link of another user's can only cause an
// ADD to be refused.
func (s *Store) trust() error {
	if s.trusted.Load() {
		return nil
	}

	cache, err := s.trustTree(s.cacheDir, cacheOption, s.results, s.private)
	if err != nil {
		return err
	}
	state, err := s.trustTree(s.stateDir, stateOption, s.intents, s.claims)
	if err != nil {
		return err
	}
	s.trusted.Store(cache && state)
	return nil
}

// trustTree looks at a directory and those below, and reports whether all of them exist.
func (s *Store) trustTree(dir, option string, below ...string) (complete bool, err error) {
	top, err := lookAt(dir, option)
	if err != nil || top == nil || s.memory.trusts(dir, *top) {
		return top != nil, err
	}

	for _, path := range below {
		info, err := lookAt(path, option)
		if err != nil || info == nil {
			return false, err
		}
	}
	s.memory.trust(dir, *top)
	return true, nil
}

// lookAt refuses a directory that another user can change. It returns nil for a missing one.
func lookAt(dir, option string) (*file.Info, error) {
	info, err := file.CheckPrivate(dir)
	var untrusted *file.UntrustedError
	switch {
	case err == nil:
		return &info, nil
	case errors.As(err, &untrusted):
		return nil, fault.New(fault.KindState, err, "options.%s is not safe to use", option)
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	default:
		return nil, stateError(err, "look at the state", option)
	}
}

// inDirectory calls do, which makes a file at path. If the directory is missing, it makes the
// directory, and does not use one that another user made meanwhile.
func (s *Store) inDirectory(path string, do func() error) error {
	err := do()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := file.MakeDirectories(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := s.trust(); err != nil {
		return err
	}
	return do()
}
