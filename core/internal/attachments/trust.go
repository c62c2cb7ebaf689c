package attachments

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
)

// trust refuses state that another user can change: an entry says what a DEL removes and which
// programs it runs. Missing directories are looked at again when they have been made.
func (s *Store) trust() error {
	if s.trusted.Load() {
		return nil
	}

	complete := true
	for _, dir := range []struct{ path, option string }{
		{filepath.Dir(s.results), cacheOption}, {s.results, cacheOption}, {s.private, cacheOption},
		{filepath.Dir(s.intents), stateOption}, {s.intents, stateOption},
		{s.claims, stateOption},
	} {
		err := file.CheckPrivate(dir.path)
		var untrusted *file.UntrustedError
		switch {
		case errors.As(err, &untrusted):
			return fault.New(fault.KindState, err, "options.%s is not safe to use", dir.option)
		case errors.Is(err, fs.ErrNotExist):
			complete = false
		case err != nil:
			return stateError(err, "look at the state", dir.option)
		}
	}
	s.trusted.Store(complete)
	return nil
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
