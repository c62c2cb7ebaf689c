package attachments

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
)

const (
	// maxFileSize is more than any entry has: a request has at most 16 MiB, a plugin's answer 8 MiB.
	maxFileSize = 64 << 20

	fileMode = 0o600
)

// unusableError says that a file is not an entry, whatever it is. It counts as absent.
type unusableError struct {
	path   string
	reason string
	torn   bool // the beginning of an entry
}

func (e *unusableError) Error() string {
	return fmt.Sprintf("%s is not an attachment and is ignored: %s", e.path, e.reason)
}

func unusable(path, format string, args ...any) error {
	return &unusableError{path: path, reason: fmt.Sprintf(format, args...)}
}

// isTorn reports whether an error of load means that the file is only the beginning of an entry. An
// intent was then cut short while it was written, and nothing was made yet.
func isTorn(err error) bool {
	var u *unusableError
	return errors.As(err, &u) && u.torn
}

func isUnusable(err error) bool {
	var u *unusableError
	return errors.As(err, &u)
}

// load reads the entry in a file. The error wraps fs.ErrNotExist, is an *unusableError, or is of
// kind state.
func load(path, option string) (*Entry, error) {
	data, err := loadText(path, option)
	if err != nil {
		return nil, err
	}
	e, err := decode(data)
	if err != nil {
		return nil, &unusableError{path: path, reason: err.Error(), torn: isBeginning(data)}
	}
	return e, date(e, path)
}

// date adds the time of its file to an entry that states no time.
func date(e *Entry, path string) error {
	if !e.ByGoLibcni {
		return nil
	}
	info, err := file.Stat(path)
	if err != nil {
		return err
	}
	e.Modified = info.Modified
	return nil
}

// isBeginning reports whether a text is JSON that ends too early.
func isBeginning(text []byte) bool {
	_, err := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true),
		jsontext.AllowInvalidUTF8(true)).ReadValue()
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// loadKey reads only the key that a cache file states. Its errors are those of load.
func loadKey(path string) (Key, error) {
	data, err := loadText(path, cacheOption)
	if err != nil {
		return Key{}, err
	}
	key, err := decodeKey(data)
	if err != nil {
		return Key{}, unusable(path, "%v", err)
	}
	return key, nil
}

func loadText(path, option string) ([]byte, error) {
	data, err := file.ReadPrivate(path, maxFileSize)
	var untrusted *file.UntrustedError
	switch {
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return data, err
	case errors.Is(err, file.ErrIrregular):
		return nil, unusable(path, "not a file")
	case errors.As(err, &untrusted):
		return nil, unusable(path, "it %s", untrusted.Reason)
	case errors.Is(err, file.ErrTooLarge):
		return nil, unusable(path, "larger than %d bytes", maxFileSize)
	default:
		return nil, stateError(err, "read the state", option)
	}
}

// replace writes a file under a temporary name and moves it to its own. On failure the file is
// unchanged and the temporary file is removed.
func (s *Store) replace(path, temporary string, data []byte,
	move func(from, to string) error) error {
	err := s.inDirectory(temporary, func() error { return file.Renew(temporary, data, fileMode) })
	if err == nil {
		err = s.inDirectory(path, func() error { return move(temporary, path) })
	}
	if err != nil {
		_ = file.Remove(temporary)
	}
	return err
}

// rename replaces what has the new name, even an empty directory.
func rename(from, to string) error {
	err := file.Rename(from, to)
	if !errors.Is(err, syscall.EISDIR) {
		return err
	}
	if err := file.Discard(to); err != nil {
		return err
	}
	return file.Rename(from, to)
}

// create writes a file that does not exist. The error wraps fs.ErrExist if it does.
func (s *Store) create(path string, data []byte) error {
	return s.inDirectory(path, func() error { return file.Create(path, data, fileMode) })
}

// names lists a directory. A missing directory is empty.
func names(dir, option string) ([]string, error) {
	var all []string
	err := file.Names(dir, func(some []string) error {
		all = append(all, some...)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, stateError(err, "list the state", option)
	}
	return all, nil
}

// stateError makes an error of kind state that says what the user can do. option is the request's
// key of the directory: cacheDir or stateDir.
func stateError(err error, doing, option string) error {
	advice := fmt.Sprintf("options.%s must be a directory that can be read and written", option)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		advice = fmt.Sprintf("no space is left in options.%s", option)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		advice = "too many files are open"
	}
	return fault.New(fault.KindState, err, "%s: %s", doing, advice)
}
